/** The proxies that the environment names. */

/** Loopback never goes through one, as in Go. */
const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])$/;

/** Whether the environment names a proxy for a URL; NO_PROXY is then fetch's to read. The environment is read once. */
export function proxiesOfEnvironment(): (url: URL) => boolean {
  const { env } = process;
  const https = Boolean(env.HTTPS_PROXY || env.https_proxy);
  const http = Boolean(env.HTTP_PROXY || env.http_proxy);
  if (!https && !http) return () => false;
  return (url) => (url.protocol === "https:" ? https : http) && !LOOPBACK.test(url.hostname);
}
