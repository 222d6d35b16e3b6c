/** Errors as a real API server answers them: Status objects with its wording. */

export interface Status {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** A fresh token beside "the continue parameter is too old". */
  readonly continue?: string;
  /** Seconds; becomes the Retry-After header. */
  readonly retryAfter?: number;
}

export function statusBody(status: Status): Record<string, unknown> {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: status.continue === undefined ? {} : { continue: status.continue },
    status: "Failure",
    message: status.message,
    reason: status.reason,
    ...(status.details === undefined ? {} : { details: status.details }),
    code: status.code,
  };
}

export const badRequest = (message: string): Status => ({ code: 400, reason: "BadRequest", message });

export const unauthorized: Status = { code: 401, reason: "Unauthorized", message: "Unauthorized" };

/** 403 for a service account, with the words from which the missing rule can be read. */
export function forbidden(user: string, verb: string, resource: string, group = "", namespace = ""): Status {
  const where = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  return {
    code: 403,
    reason: "Forbidden",
    message: `${resource}${group === "" ? "" : `.${group}`} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`,
    details: { ...(group === "" ? {} : { group }), kind: resource },
  };
}

export function notFound(plural?: string, name?: string, group = ""): Status {
  if (plural === undefined) {
    return { code: 404, reason: "NotFound", message: "the server could not find the requested resource", details: {} };
  }
  return {
    code: 404,
    reason: "NotFound",
    message: `${plural}${group === "" ? "" : `.${group}`} "${name}" not found`,
    details: { name, ...(group === "" ? {} : { group }), kind: plural },
  };
}

export const tooManyRequests = (retryAfter = 1): Status => ({
  code: 429,
  reason: "TooManyRequests",
  message: "Too many requests, please try again later.",
  details: { retryAfterSeconds: retryAfter },
  retryAfter,
});

export const methodNotAllowed: Status = {
  code: 405,
  reason: "MethodNotAllowed",
  message: "the server does not allow this method on the requested resource",
  details: {},
};

export const unavailable: Status = {
  code: 503,
  reason: "ServiceUnavailable",
  message: "the server is currently unable to handle the request",
};

/** @see https://github.com/kubernetes/apiserver/blob/master/pkg/storage/etcd3/errors.go */
export const expiredList: Status = {
  code: 410,
  reason: "Expired",
  message: "The resourceVersion for the provided list is too old.",
};

export const expiredWatch: Status = {
  code: 410,
  reason: "Expired",
  message: "The resourceVersion for the provided watch is too old.",
};

export const expiredContinue = (token: string): Status => ({
  code: 410,
  reason: "Expired",
  message:
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
  continue: token,
});

/** @see https://github.com/kubernetes/apiserver/blob/master/pkg/storage/errors.go (NewTooLargeResourceVersionError) */
export const tooLargeVersion = (wanted: number, current: number): Status => ({
  code: 504,
  reason: "Timeout",
  message: `Too large resource version: ${wanted}, current: ${current}`,
  details: {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  },
});
