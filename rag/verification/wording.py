"""What words mean when a claim is compared with a sentence: which are alike, which are opposed.

English, as abstracts write it. A word that is missing here is only ever alike to itself, so what
is left out costs a `supported`, never truth.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple


def listed(text: str) -> frozenset[str]:
    """Return the words of a list that white space separates."""
    return frozenset(text.split())


# Words with the same meaning, as far as a claim about a paper goes. A sign in front tells a
# direction: what is compared is the axis and the sign of the group.
_ALIKE = """
amount+: increase raise rise grow growth gain boost elevate enlarge higher more larger bigger
    greater climb expand upregulate increment
amount-: reduce reduction decrease lower cut fall drop decline shrink less fewer smaller diminish
    lessen downregulate save saving
speed+: fast faster quick quicker quickly accelerate acceleration speedup rapid rapidly
speed-: slow slower slowly slowdown
quality+: improve improvement better enhance enhancement ameliorate superior outperform surpass
    beat exceed
quality-: worsen worse degrade degradation deteriorate impair underperform hurt harm lag
effect+: promote induce stimulate trigger facilitate
effect-: inhibit suppress attenuate hinder
effect-: abolish eliminate erase
effect-: prevent avert avoid
keep+: keep retain preserve maintain stay remain persist
keep-: lose loss vanish disappear fade
size+: high
size-: low
extent+: long longer
extent-: short shorter
most+: highest largest greatest most
most-: lowest smallest least
best+: best
best-: worst
use: use employ utilise leverage apply exploit via adopt
propose: propose introduce present describe develop design devise
find: find show demonstrate report observe reveal discover
detect: detect identify flag spot recognise
need: need require necessary demand
help: help aid assist benefit
start: start begin
stop: stop end cease
allow: allow enable permit let possible
support: support handle
divide: split divide partition
merge: merge combine fuse
train: train
test: test evaluate assess examine
choose: choose select pick
build: build construct create
contain: contain comprise include consist hold cover
release: release publish public
about: concern regard
cause: cause result lead produce due because
explain: explain attribute account
relate: relate associate association correlate link relation connect
affect: affect influence impact effect
vary: vary differ
join: enrol enroll recruit
receive: receive get obtain
cost: cost price expense
memory: memory
method: method approach technique procedure
device: device
quick: instant immediate
whole: whole entire full complete
every: all every any
usual: often frequently usual usually typically common commonly
rare: rare rarely seldom
some: some certain
many: many numerous
several: several multiple
fail: fail failure
error: error mistake
similar: similar comparable
same: same identical equal equally
different: different distinct
new: new novel
past: previous prior earlier past
present: current existing
work: job employment
child: child pupil
school: school
people: people person individual participant
partly: partly partial partially
woman: woman female girl
man: man male boy
adult: adult
disease: disease illness
death: death die mortality
doctor: doctor physician
drug: drug medication
trial: trial
pace: speed
rate: rate
answer: answer respond response
move: move migrate transfer
store: store
process: process
emit: emit emission
transform: convert
change: change modify modification alter alteration
question: question
query: query
document: document
fund: fund
predict: predict prediction forecast
likely: likely probably
near: near close
far: far
young: young younger
old: old older
strong: strong stronger
weak: weak weaker
light: light
heavy: heavy
sparse: sparse sparsity
large: large big
small: small tiny
cheap: cheap inexpensive
expensive: expensive costly
difficult: hard difficult challenging
easy: easy simple
important: important crucial key essential
exceed: exceed
release: release open
know: know
dataset: dataset corpus
benchmark: benchmark
image: image picture
text: text
letter: letter
measure: measure
estimate: estimate
transfer: transfer
rest: rest remainder
sole: only solely exclusively just merely
main: main mainly primarily chiefly
copy: copy reuse
check: verify check validate
time: time duration
phone: telephone phone
store: storage
generate: generate produce emit
"""
# A claim that says one where the source says the other is wrong.
_OPPOSED = """
before/after early/late first/last active/inactive sufficient/insufficient stable/unstable
consistent/inconsistent dependent/independent possible/impossible similar/different same/different
present/absent presence/absence include/exclude accept/reject success/failure succeed/fail
agree/disagree common/rare cheap/expensive young/old strong/weak easy/difficult large/small
increase/decrease high/low fast/slow long/short positive/negative supervise/unsupervised
linear/nonlinear significant/insignificant minimum/maximum minimise/maximise above/below
likely/unlikely able/unable known/unknown safe/unsafe visible/invisible true/false open/closed
compressive/tensile online/offline static/dynamic inside/outside upper/lower best/worst most/least
maternal/paternal acute/chronic agonist/antagonist gain/loss hot/cold warm/cool win/lose
male/female man/woman local/global public/private dense/sparse everything/nothing
sometimes/always sometimes/never never/always rare/usual stop/start
"""
# `fell/fallen:fall`: forms of a word, and the word.
_FORMS = """
fell/fallen:fall rose/risen/arise:rise grew/grown:grow shrank/shrunk:shrink took/taken:take
gave/given:give kept:keep held:hold found:find shown/shows/showed:show slept:sleep led:lead
went/gone:go made:make ran:run lost/lose/losing:loss got/gotten:get met:meet sent:send
spent:spend wrote/written:write drew/drawn:draw chose/chosen:choose began/begun:begin
built:build brought:bring thought:think taught:teach learnt:learn left:leave men:man
women:woman children:child mice:mouse rats:rat did/done:do won:win beaten:beat better:better
worse:worse analyses:analysis criteria:criterion phenomena:phenomenon data:data said:say
told:tell knew/known:know saw/seen:see dried/drying/dry:dry died/dying/dies:die
forgot/forgotten:forget became:become paid:pay froze/frozen:freeze hid/hidden:hide
wore/worn:wear bound:bind fewer:few rebuilt:rebuild rewritten:rewrite sped:speed spread:spread
overcame:overcome
withstood:withstand outdid/outdone:outdo
"""
_IRREGULAR = {
    form: word
    for entry in _FORMS.split()
    for forms, _, word in [entry.partition(":")]
    for form in forms.split("/")
}
# Words that say nothing a source must hold: grammar, and how a report leads in.
FUNCTION = listed("""
a an the this that these those it its they them their he she his her we our us i you your my me
one ones is are was were be been being am do does did done has have had having using of in on
at to for from by with within into onto per as than then so and or nor but if when while
whereas where which who whom whose what that there here over under between among through during
per also both such via about against upon across along toward towards around up out off will
would shall can could should may might must very too just even still yet already however
moreover further furthermore additionally thus hence therefore although though because since
until whether not no never neither without cannot nothing none unlike like rather instead else
other another its itself themselves how why once again each ie eg etc vs versus respectively
namely overall compared compare comparison relative according due respect terms case well much
quite own same thereby therein s t re ve ll d
""") - {"each", "same"}
FILLER = listed("""
paper study work article abstract author authors researcher researchers source sources report
reports reported show shows showed shown find finds found finding findings say says said state
states stated note notes noted describe describes described suggest suggests suggested
investigate investigated argue argues argued demonstrate demonstrates demonstrated observe
observed present presents presented propose proposes proposed introduce introduces introduced
result results conclude concludes concluded make makes made take takes took taken give gives
given get gets got achieve achieves achieved reach reaches reached attain attained obtain
obtained yield yields yielded provide provides provided offer offers offered deliver delivers
delivered perform performs performed be become occur occurs occurred happen happened seen see
sees come comes came system method approach technique called named respectively namely figure
table exactly specifically particular particularly evidence experiment experiments trial trials
anymore
""")
# Nouns by which a paper calls what it is about.
SELF = listed("""
we our it its they their this these here method approach system technique framework tool
algorithm proposed
""")
NEGATORS = listed("""
not no never neither nor without cannot cant nothing none fail fails failed failing unable lack
lacks lacked lacking absence absent hardly barely isnt arent wasnt werent doesnt dont didnt
wont wouldnt couldnt shouldnt rather instead hasnt havent hadnt unaffected unchanged untouched
free unsupported
""")
# `not` reaches through these to the word it denies.
PASSED = listed("""
significant significantly any additional further substantial substantially notable clear direct
directly extra more of the a an to be been have has had do does did statistically detectable
measurable measurably markedly much in its their this that evidence effect effects change
changes difference differences with from by yet also longer and or for on such
""")
HEDGES = listed("""
may might could possibly perhaps potentially potential likely unlikely suggest suggests
suggested suggesting appear appears appeared seem seems seemed presumably hypothesise
hypothesize hypothesis speculate believed believe think thought assumed assume expected expect
preliminary tentative uncertain unclear unknown whether should would hope plan aim aims aimed
intend future ought estimated recommend recommended argue argues argued if conjecture
conjectured
""")
UNSETTLED = listed("uncertain unclear unknown whether untested unresolved hypothesis")
# Left out of a claim, these make it say more than the source.
LIMITS = listed("""
only some several most partly partially sometimes occasionally often usually typically mostly
largely certain few rarely mainly nearly almost roughly unless except provided limited
initially temporarily briefly preliminary barely near quasi semi
""")
# Left out next to a claimed figure, these make it the figure of something else.
OTHERS = listed("""
baseline control placebo prior previous existing traditional conventional competitor rival
other others random without excluding half
""")
# How well a thing is: less of these is better, more of those.
COSTS = listed("""
latency time delay duration memory cost costs energy overhead error loss perplexity mortality
death risk footprint power runtime price expense bandwidth traffic consumption failure failures
""")
GAINS = listed("throughput accuracy speed performance survival quality precision recall bandwidth")
SWAPS = listed("""
than over into from against instead rather before after because without not above below
""")
OF_TIME = listed("latency time delay duration runtime request requests")


class Meaning(NamedTuple):
    """What a word stands for."""

    keys: frozenset[str]
    """Its stem, and the groups of words like it; words with a common key are alike."""
    axis: str = ""
    sign: int = 0
    """1 or -1 where the word tells a direction on `axis`."""
    opposed: frozenset[str] = frozenset()
    """Stems of what would contradict it."""


_SUFFIXES = re.findall(
    r"\w+",
    "isation ization ational ary en "
    "ations ation ating ative ated ates ator ating ition ities ility "
    "ments ment ances ance ences ence ancy ency aci ency ness ible able ions ion ings ing ers er "
    "ors or ally ical ious ives ive ies ied ity ed es ly ate ise ize iti e i s y",
)
_KEPT = 4


@lru_cache(maxsize=65_536)
def root(stem: str) -> str:
    """Return a stem without the endings that turn a verb into a noun or an adjective.

    Never shorter than four letters, unless it was.
    """
    stem = re.sub(r"our(?=$|ed|ing|s)", "or", stem)
    for _ in range(3):
        for suffix in _SUFFIXES:
            if stem.endswith(suffix) and len(stem) - len(suffix) >= _KEPT:
                stem = stem[: -len(suffix)]
                break
        else:
            break
    return stem


def base(word: str) -> str:
    """Return a folded word, or what an irregular form is a form of."""
    return _IRREGULAR.get(word, word)


def groups() -> Mapping[str, tuple[str, ...]]:
    """Return the words of every group of like words, by a name that is no word.

    A sign ends the name before its number: `amount+#0`.
    """
    found: dict[str, tuple[str, ...]] = {}
    for number, entry in enumerate(re.sub(r"\n +", " ", _ALIKE).strip().split("\n")):
        name, _, members = entry.partition(":")
        found[f"{name}#{number}"] = tuple(members.split())
    return found


def opposites() -> list[tuple[str, str]]:
    """Return the pairs of opposed words."""
    pairs = (pair.partition("/") for pair in _OPPOSED.split())
    return [(one, other) for one, _, other in pairs]
