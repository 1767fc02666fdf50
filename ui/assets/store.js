// The conversations that this browser keeps, in IndexedDB. Where it cannot be used they last as long
// as the page.
const memory = new Map();

const database = new Promise((resolve) => {
  try {
    const opening = indexedDB.open("footnote", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("conversations", { keyPath: "id" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => resolve(null);
    opening.onblocked = () => resolve(null);
  } catch {
    resolve(null);
  }
});

async function inStore(mode, job, otherwise) {
  const db = await database;
  if (!db) return otherwise();
  return new Promise((resolve, reject) => {
    const request = job(db.transaction("conversations", mode).objectStore("conversations"));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// What the list shows and finds of each conversation, so that none is read whole for it.
let briefs = null;

const briefOf = ({ id, name, at, turns }) => ({
  id, name, at, text: [name, ...turns.map((turn) => turn.question)].join("\n").toLowerCase(),
});

const store = {
  brief: async () => {
    briefs ??= new Map((await store.all()).map((each) => [each.id, briefOf(each)]));
    return [...briefs.values()].sort((a, b) => b.at - a.at);
  },
  all: () => inStore("readonly", (s) => s.getAll(), () => [...memory.values()]),
  get: (id) => inStore("readonly", (s) => s.get(id), () => memory.get(id)),
  put: async (each) => {
    await inStore("readwrite", (s) => s.put(each), () => memory.set(each.id, each));
    briefs?.set(each.id, briefOf(each));
  },
  remove: async (id) => {
    await inStore("readwrite", (s) => s.delete(id), () => memory.delete(id));
    briefs?.delete(id);
  },
  clear: async () => {
    await inStore("readwrite", (s) => s.clear(), () => memory.clear());
    briefs?.clear();
  },
};

// Another window of this browser may keep more.
document.addEventListener("visibilitychange", () => (briefs = null));
