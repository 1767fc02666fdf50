// The conversations that this browser keeps, in IndexedDB: a record for each, and one for each of its
// turns, so that two windows write beside each other. Where it cannot be used they last as long as
// the page.
const asPromise = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function openDatabase() {
  const opening = indexedDB.open("footnote", 2);
  opening.onupgradeneeded = ({ oldVersion }) => {
    const db = opening.result;
    if (oldVersion < 1) db.createObjectStore("conversations", { keyPath: "id" });
    const turns = db.createObjectStore("turns", { keyPath: "id" });
    // Its keys alone tell the order of the turns and what was asked: no answer is read for a list.
    turns.createIndex("asked", ["conversation", "at", "question"]);
    if (oldVersion === 1) takeTurnsApart(opening.transaction);
  };
  // What is asked meanwhile is kept when that window is closed.
  opening.onblocked = () => openDialog(say("store_blocked"), "", [no()]);
  return asPromise(opening).then((db) => {
    db.onversionchange = () => {
      db.close();
      database = null;
    };
    return db;
  });
}

// The first version kept a conversation and its turns as one record.
function takeTurnsApart(transaction) {
  const [conversations, turns] = ["conversations", "turns"].map((name) => transaction.objectStore(name));
  conversations.openCursor().onsuccess = ({ target }) => {
    const cursor = target.result;
    if (!cursor) return;
    const { turns: kept = [], ...conversation } = cursor.value;
    kept.forEach((turn, n) => turns.put({ ...turn, conversation: conversation.id, at: n }));
    cursor.update(conversation);
    cursor.continue();
  };
}

// Opened when it is first asked, as the page must be there to say that another window holds it.
let database = null;
const opened = () => (database ??= Promise.resolve().then(openDatabase).catch(() => null));
const memory = { conversations: new Map(), turns: new Map() };

// Does a job in one transaction over both stores, or with the memory of the page.
async function inStores(mode, job, otherwise) {
  const db = await opened();
  if (!db) return otherwise(memory);
  const transaction = db.transaction(["conversations", "turns"], mode);
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  const given = await job(transaction.objectStore("conversations"), transaction.objectStore("turns"));
  await done;
  return given;
}

const turnsOf = (id) => IDBKeyRange.bound([id], [id, []]); // an array comes after all numbers
const inOrder = (turns) => turns.sort((a, b) => a.at - b.at);

// Gives the key of each turn in the index to `each`.
const eachAsked = (turns, each) =>
  new Promise((resolve, reject) => {
    const asking = turns.index("asked").openKeyCursor();
    asking.onerror = () => reject(asking.error);
    asking.onsuccess = () => {
      if (!asking.result) return resolve();
      each(asking.result.key);
      asking.result.continue();
    };
  });

// What the list shows and finds of each conversation; another window of this browser may change it.
let briefs = null;
const others = new BroadcastChannel("footnote");
others.onmessage = () => {
  briefs = null;
  drawConversations();
};

function changed() {
  briefs = null;
  others.postMessage(null);
}

async function readBriefs() {
  const asked = new Map();
  const note = ([id, , question]) => {
    if (!asked.has(id)) asked.set(id, []);
    asked.get(id).push(question);
  };
  const all = await inStores(
    "readonly",
    async (conversations, turns) => {
      await eachAsked(turns, note);
      return asPromise(conversations.getAll());
    },
    ({ conversations, turns }) => {
      for (const { conversation, at, question } of turns.values()) note([conversation, at, question]);
      return [...conversations.values()];
    },
  );
  return all.map(({ id, name, at }) => ({
    id, name, at, text: [name, ...(asked.get(id) ?? [])].join("\n").toLowerCase(),
  }));
}

const store = {
  brief: async () => (briefs ??= (await readBriefs()).sort((a, b) => b.at - a.at)),
  // A conversation with its turns in order; nothing where it was deleted.
  get: (id) =>
    inStores(
      "readonly",
      async (conversations, turns) => {
        const found = await asPromise(conversations.get(id));
        return found && { ...found, turns: await asPromise(turns.index("asked").getAll(turnsOf(id))) };
      },
      ({ conversations, turns }) => {
        const own = [...turns.values()].filter((turn) => turn.conversation === id);
        return conversations.has(id) ? { ...conversations.get(id), turns: inOrder(own) } : undefined;
      },
    ),
  // The name that another window gave it stays.
  putTurn: async ({ id, name, at }, turn) => {
    const own = { ...turn, conversation: id };
    await inStores(
      "readwrite",
      async (conversations, turns) => {
        const before = await asPromise(conversations.get(id));
        turns.put(own);
        conversations.put({ name, ...before, id, at });
      },
      ({ conversations, turns }) => {
        turns.set(own.id, own);
        conversations.set(id, { name, ...conversations.get(id), id, at });
      },
    );
    changed();
  },
  rename: async (id, name) => {
    await inStores(
      "readwrite",
      async (conversations) => {
        const before = await asPromise(conversations.get(id));
        if (before) conversations.put({ ...before, name });
      },
      ({ conversations }) => conversations.set(id, { ...conversations.get(id), name }),
    );
    changed();
  },
  remove: async (id) => {
    await inStores(
      "readwrite",
      async (conversations, turns) => {
        conversations.delete(id);
        for (const key of await asPromise(turns.index("asked").getAllKeys(turnsOf(id)))) turns.delete(key);
      },
      ({ conversations, turns }) => {
        conversations.delete(id);
        for (const turn of turns.values()) if (turn.conversation === id) turns.delete(turn.id);
      },
    );
    changed();
  },
  clear: async () => {
    await inStores(
      "readwrite",
      async (...stores) => stores.forEach((each) => each.clear()),
      (stores) => Object.values(stores).forEach((each) => each.clear()),
    );
    changed();
  },
};
