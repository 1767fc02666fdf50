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

const store = {
  all: async () =>
    (await inStore("readonly", (s) => s.getAll(), () => [...memory.values()])).sort((a, b) => b.at - a.at),
  get: (id) => inStore("readonly", (s) => s.get(id), () => memory.get(id)),
  put: (each) => inStore("readwrite", (s) => s.put(each), () => memory.set(each.id, each)),
  remove: (id) => inStore("readwrite", (s) => s.delete(id), () => memory.delete(id)),
  clear: () => inStore("readwrite", (s) => s.clear(), () => memory.clear()),
};
