/** The HTTP endpoints that the demo's receivers deliver to: they take events, note when, and fail when told to. */

export interface Destinations {
  /** Without a trailing slash; every name below it is an endpoint. */
  readonly url: string;
  /** 503 to everything for this name until it is up again, and to one request at least, however short the outage. */
  down(name: string, on: boolean): void;
  stop(): Promise<void>;
}

/** `arrived` hears every event that was taken: its id, `<uid>.<resourceVersion>`. */
export function createDestinations(arrived: (name: string, id: string) => void): Destinations {
  const broken = new Map<string, { refused: boolean; over: boolean }>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const name = new URL(request.url).pathname.slice(1);
      const outage = broken.get(name);
      if (outage) {
        outage.refused = true;
        if (outage.over) broken.delete(name);
        return new Response("down for the sake of the demo\n", { status: 503 });
      }
      const body = await request.text();
      const id = request.headers.get("idempotency-key");
      const ids = id === null ? body.split("\n").filter(Boolean).map(idOf) : [id];
      for (const one of ids) arrived(name, one);
      return new Response(null, { status: 204 });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    down(name, on) {
      const outage = broken.get(name);
      if (on) broken.set(name, { refused: false, over: false });
      else if (outage?.refused) broken.delete(name);
      else if (outage) outage.over = true;
    },
    stop: () => server.stop(true),
  };
}

/** A batch has no Idempotency-Key, but whole events. */
function idOf(json: string): string {
  const event: { metadata?: { uid?: string; resourceVersion?: string } } = JSON.parse(json);
  return `${event.metadata?.uid}.${event.metadata?.resourceVersion}`;
}
