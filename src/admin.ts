/**
 * The port for whoever runs Petrel: what it does now, dead letters, schemas, reload. On loopback, unless asked
 * otherwise; reach it with `kubectl port-forward`. What answers is loaded with the first request.
 */
import { type AdminHost, json } from "./admin-host.ts";
import { UsageError } from "./errors.ts";
import { listenError, parseAddress } from "./listen.ts";
import type { Logger } from "./logger.ts";
import type { Secret } from "./sink.ts";

export interface AdminOptions extends AdminHost {
  /** `127.0.0.1:2113`, `:2113` (every address), `[::1]:0`. */
  readonly address: string;
  /** A port that is taken is a reason not to start, and not to go on without. */
  readonly required: boolean;
  /** What everybody has to know who asks for anything. Without one only loopback is served. */
  readonly token: Secret | undefined;
  readonly logger: Logger;
}

export interface Admin {
  readonly port: number;
  stop(): Promise<void>;
}

export const ADMIN_ADDRESS = "127.0.0.1:2113";

/** Largest body of a request, in bytes. */
const MAX_BODY = 64 * 1024;
/** Seconds that a request may take: longer than the longest wait for dead letters that are sent again. */
const IDLE_SECONDS = 60;

/**
 * Undefined when the port is taken and nobody asked for it. Throws UsageError for what is no address, and Error when
 * others than this machine could reach it without a token.
 */
export function startAdmin(options: AdminOptions): Admin | undefined {
  const { address, token, logger } = options;
  const { hostname, port } = parseAddress(address, "--admin-address");
  if (!isLoopback(hostname) && token === undefined) {
    throw new UsageError(
      `--admin-address: ${address} can be reached from other machines: set \`admin: { token: … }\` in the config, or PETREL_ADMIN_TOKEN`,
    );
  }

  function refusal(request: Request): Response | undefined {
    const host = request.headers.get("host") ?? "";
    // A name that leads here is a page's way around the browser's rules; with a token there is none.
    if (token === undefined && !isLoopback(hostOf(host))) {
      return json({ error: `the host ${JSON.stringify(host.slice(0, 100))} is not served here; use localhost` }, 403);
    }
    const origin = request.headers.get("origin");
    const site = request.headers.get("sec-fetch-site") ?? "none";
    if ((origin !== null && origin !== `http://${host}`) || (site !== "none" && site !== "same-origin")) {
      return json({ error: "requests from pages of other sites are not served" }, 403);
    }
    if (token === undefined) return undefined;
    try {
      if (isBearer(request.headers.get("authorization") ?? "", token.reveal())) return undefined;
    } catch (error) {
      logger.error("the token of the admin port cannot be read", { error: String(error) });
    }
    const response = json({ error: "a bearer token is needed" }, 401);
    response.headers.set("www-authenticate", "Bearer");
    return response;
  }

  try {
    const server = Bun.serve({
      port,
      ...(hostname !== "" && { hostname }),
      maxRequestBodySize: MAX_BODY,
      idleTimeout: IDLE_SECONDS,
      async fetch(request) {
        const refused = refusal(request);
        if (refused) return refused;
        const { answer } = await import("./admin-routes.ts");
        return await answer(request, options);
      },
      error(error) {
        logger.error("a request to the admin port failed", { error });
        return json({ error: "internal error" }, 500);
      },
    });
    return { port: server.port ?? port, stop: () => server.stop(true) };
  } catch (error) {
    const message = `cannot listen on ${address} for administration: ${listenError(error)}`;
    if (options.required) throw new Error(`${message}; choose another with --admin-address, or off`);
    logger.warn(`${message}; going on without (--admin-address off says so)`);
    return undefined;
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/** Without the port, and without the brackets of IPv6. */
function hostOf(host: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host);
  return (match?.[1] ?? match?.[2] ?? "").toLowerCase();
}

function isBearer(header: string, token: string): boolean {
  const [, given = ""] = /^Bearer +(\S+)$/i.exec(header) ?? [];
  const digest = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest();
  return token !== "" && crypto.timingSafeEqual(digest(given), digest(token));
}
