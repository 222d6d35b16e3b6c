/** The proxies that the environment names. */

/** Whether a proxy is named for this URL; NO_PROXY is then fetch's to read. Loopback never goes through one, as in Go. */
export function proxyOfEnvironment(url: URL): boolean {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  if (!process.env[name] && !process.env[name.toLowerCase()]) return false;
  return !/^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
}
