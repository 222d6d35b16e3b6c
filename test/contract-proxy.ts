/** An HTTP proxy: whole URLs for http, CONNECT for https. */
import { createServer, request as send } from "node:http";
import { type AddressInfo, connect } from "node:net";

export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** What it was asked for, in order. */
  asked(): readonly { readonly target: string; readonly authorization: string | undefined }[];
}

export async function openProxy(): Promise<Proxy> {
  const asked: { target: string; authorization: string | undefined }[] = [];
  const server = createServer((incoming, outgoing) => {
    const { url = "", method, headers } = incoming;
    const { "proxy-authorization": authorization, "proxy-connection": _, ...rest } = headers;
    asked.push({ target: url, authorization });
    const onward = send(url, { method, headers: rest }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.writeHead(502).end());
    incoming.pipe(onward);
  });
  server.on("connect", (incoming, near, head) => {
    asked.push({ target: incoming.url ?? "", authorization: incoming.headers["proxy-authorization"] });
    const [host = "", port] = (incoming.url ?? "").split(":");
    const far = connect(Number(port), host, () => {
      near.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      far.write(head);
      far.pipe(near);
      near.pipe(far);
    });
    far.on("error", () => near.destroy());
    near.on("error", () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
