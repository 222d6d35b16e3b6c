/** TLS settings of one connection, as every receiver spells them. */
export interface TlsOptions {
  readonly insecureSkipVerify: boolean;
  readonly serverName?: string | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}
