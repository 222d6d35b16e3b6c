/** What the destinations that are files and pipes share. */
import { existsSync, readFileSync } from "node:fs";
import { until } from "../contract.ts";

export const GOLDEN_LINE = `{"metadata":{"name":"web-1.17aa","namespace":"default","uid":"ba30f343-3351","resourceVersion":"101","creationTimestamp":"2026-11-20T21:44:18Z"},"reason":"BackOff","message":"Back-off \\u003crestarting\\u003e failed container","source":{"component":"kubelet","host":"node-1"},"firstTimestamp":"2026-11-20T21:44:18Z","lastTimestamp":"2026-11-20T21:45:18Z","count":7,"type":"Warning","eventTime":null,"reportingComponent":"","reportingInstance":"","clusterName":"","involvedObject":{"kind":"Pod","namespace":"default","name":"web-1","uid":"poduid-1","apiVersion":"v1","resourceVersion":"55","labels":{"app":"web","app.kubernetes.io/name":"web"},"deleted":false}}
`;

/** Splits behind each newline. */
export function splitLines(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}

export async function linesIn(path: string, count: number): Promise<string[]> {
  const read = () => (existsSync(path) ? splitLines(readFileSync(path, "utf8")) : []);
  await until(() => read().length >= count, `${count} lines are in ${path}`);
  return read();
}
