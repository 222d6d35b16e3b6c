/** The event that benchmarks and guards are about. */

/** As young as any: a limit of age must take none of them away. */
const now = `${new Date().toISOString().slice(0, 19)}Z`;

/** A kubelet's BackOff as the API server writes it, managedFields included: about 1.35 kB. */
export function anEvent(n: number, rv: number, stamp: number): string {
  const pod = n % 977;
  const meta = `{"name":"web-${pod}.17aa${n}","namespace":"ns-${n % 13}","uid":"0a1b2c3d-0000-4000-8000-${String(n).padStart(12, "0")}","resourceVersion":"${rv}","creationTimestamp":"${now}","managedFields":[{"manager":"kubelet","operation":"Update","apiVersion":"v1","time":"${now}","fieldsType":"FieldsV1","fieldsV1":{"f:count":{},"f:firstTimestamp":{},"f:involvedObject":{},"f:lastTimestamp":{},"f:message":{},"f:reason":{},"f:reportingComponent":{},"f:source":{"f:component":{},"f:host":{}},"f:type":{}}}]}`;
  const object = `{"kind":"Pod","namespace":"ns-${n % 13}","name":"web-${pod}","uid":"11111111-0000-4000-8000-${String(pod).padStart(12, "0")}","apiVersion":"v1","resourceVersion":"${rv - 1}","fieldPath":"spec.containers{app}"}`;
  return `{"kind":"Event","apiVersion":"v1","metadata":${meta},"involvedObject":${object},"reason":"BackOff","message":"Back-off restarting failed container app in pod web-${pod}_ns-${n % 13}(11111111-0000-4000-8000-000000000000) #${n}@${stamp}#","source":{"component":"kubelet","host":"node-${n % 50}.example.internal"},"firstTimestamp":"${now}","lastTimestamp":"${now}","count":${(n % 9) + 1},"type":"${n % 3 ? "Warning" : "Normal"}","eventTime":null,"reportingComponent":"kubelet","reportingInstance":"node-${n % 50}.example.internal"}`;
}
