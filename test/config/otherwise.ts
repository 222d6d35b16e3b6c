/** Configs that kubernetes-event-exporter was probed with and that Petrel reads otherwise in compat, too; each with the reason. */
export const OTHERWISE: Readonly<Record<string, string>> = {
  neg: "the exporter takes cacheSize: -5 and panics when it starts; refused at once",
  "int to string": "logLevel: 5 is zerolog's panic, which is fatal here",
  "stdout null": "accepted as stdout: {}; the exporter knows no such sink",
  "two sinks": "goccy fails on a URL in a flow map; accepted, the first sink counts",
  "no name": "left out: no rule can send to it",
  "env pw": "goccy ignores a quote after a closing quote; refused",
  inMemory: "only in tests",
  kafka: "not a receiver of this version, and refused by its name",
  syslog: "the exporter needs the server at its start",
};
