// Keeps all files of this page, so that it works without a connection. `artlives site` wrote the first line.
const PREFIX = `artlives ${self.registration.scope} `; // pages in other folders of a host have caches of their own

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(forget()));

async function keep() {
  const cache = await caches.open(PREFIX + VERSION);
  // The browser's own cache may have files of the version before: the server is asked whether they are current.
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
}

async function forget() {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== PREFIX + VERSION) await caches.delete(name);
  }
  await self.clients.claim();
}

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || new URL(event.request.url).origin !== location.origin) return;
  event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(PREFIX + VERSION);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}
