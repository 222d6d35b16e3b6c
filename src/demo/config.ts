/** What `petrel demo` runs when no config is given: one route tree with what people mostly need of one. */

/** Where the demo's own receivers listen; the config below reads it from the environment. */
export const URL_VARIABLE = "PETREL_DEMO_URL";

export const DEMO_CONFIG = `# petrel demo: the config that runs
clusterName: demo
maxEventAgeSeconds: 60
kubeQPS: -1                             # look up as much as you like: the cluster is our own

route:
  drop:
    - reason: ^Pulling$                 # Pulled or Failed will tell
  match:
    - receiver: archive                 # all the rest
  routes:
    - drop:
        - type: ^Normal$
      match:
        - receiver: warnings
    - match:
        - reason: ^(BackOff|Unhealthy)$
          type: ^Warning$
          minCount: 2                   # once is no pattern
          labels:
            team: ^storefront$          # of the pod, looked up in the cluster
          receiver: chat
    - match:
        - kind: ^Node$
          receiver: pager
    - match:
        - kind: ^Pod$
          reason: ^(TaintManagerEviction|FailedScheduling)$
          receiver: pager

receivers:
  - name: archive
    concurrency: 1
    webhook:
      endpoint: \${PETREL_DEMO_URL}/archive
      batch:
        format: ndjson
  - name: warnings
    webhook:
      endpoint: \${PETREL_DEMO_URL}/warnings
      headers:
        X-Event-Reason: "{{ .Reason }}"
  - name: chat
    webhook:
      endpoint: \${PETREL_DEMO_URL}/chat
      layout:
        text: "{{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}: {{ .Message }}"
  - name: pager                         # down for two seconds of every day: see what becomes of it
    retry:
      min: 100ms
      max: 400ms
    webhook:
      endpoint: \${PETREL_DEMO_URL}/pager
      layout:
        summary: "{{ .Reason }} {{ .InvolvedObject.Kind }}/{{ .InvolvedObject.Name }}"
        detail: "{{ .Message }}"
`;
