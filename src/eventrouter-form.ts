/** What eventrouter made of its envelope for some destinations: frames of RFC 5424, lines of glog's, and one flat object. */
import type { Event } from "./event.ts";
import { goJson } from "./payload.ts";
import { newestTime } from "./wire/event-time.ts";

/** Of the header's fields: https://www.rfc-editor.org/rfc/rfc5424#section-6 */
const MAX_HOST = 255;
const MAX_APP = 48;
/** Facility daemon, severity emergency, for every event: what the original wrote, and filters know. */
const PRIORITY = 24;

/**
 * An envelope as octet-counted syslog (RFC 6587 §3.4.1), without the newline that the original put behind it. A name that
 * does not fit its field is cut and cleaned: the original lost the whole request for it.
 */
export function syslogFrame(event: Event, envelope: string): string {
  const host = field(event.source.host ?? "", MAX_HOST);
  const app = field(event.source.component ?? "", MAX_APP);
  const message = `<${PRIORITY}>1 ${timeOf(event)} ${host} ${app} - - - ${envelope}`;
  return `${Buffer.byteLength(message)} ${message}`;
}

function field(text: string, most: number): string {
  return text.replace(/[^\u0021-\u007e]/g, "_").slice(0, most) || "-";
}

/** The original knew lastTimestamp alone, and said the year 1 for new-style events. */
function timeOf(event: Event): string {
  const text = event.lastTimestamp ?? newestTime(event);
  if (text === undefined || text === null) return "0001-01-01T00:00:00Z";
  // Go prints no more digits of a second than it needs.
  return text.replace(/\.(\d*?)0*Z$/, (_, digits: string) => (digits === "" ? "Z" : `.${digits.slice(0, 6)}Z`));
}

/** How wide glog makes the number of a process. */
const PROCESS_WIDTH = 7;

/**
 * An envelope as glog wrote it, in local time: `Immdd hh:mm:ss.uuuuuu <pid> glogsink.go:42] {…}`. Everything was
 * information there, warnings too, and that place in eventrouter's source is part of what filters look for. `atMs`: when it is written.
 * @see https://pkg.go.dev/github.com/golang/glog for the header
 */
export function glogLine(envelope: string, atMs: number, pid: number): string {
  const micros = Math.round(atMs * 1_000);
  const at = new Date(Math.floor(micros / 1_000));
  const two = (part: number): string => String(part).padStart(2, "0");
  const day = `${two(at.getMonth() + 1)}${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `I${day} ${time}.${String(micros % 1_000_000).padStart(6, "0")} ${String(pid).padStart(PROCESS_WIDTH)} glogsink.go:42] ${envelope}`;
}

/** Below these, keys are the users' own. */
const MAPS = /_metadata_(?:labels|annotations)$/;

/**
 * The envelope's leaves by their path, joined by `_`, in order of their names; labels and annotations are null when there
 * are none. `snake`: `event_involved_object_kind`, which the original's comments promised, where it wrote `event_involvedObject_kind`.
 */
export function flatEnvelope(envelope: string, { snake = false } = {}): string {
  const flat = new Map<string, unknown>();
  const nameOf = (path: string, key: string): string =>
    snake && !MAPS.test(path) ? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : key;
  const add = (path: string, value: unknown): void => {
    if (typeof value !== "object" || value === null) {
      flat.set(path, value);
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      add(path === "" ? key : `${path}_${nameOf(path, key)}`, inner);
    }
    if (/^(?:old_)?event_metadata$/.test(path)) {
      for (const key of ["labels", "annotations"]) if (!(key in value)) flat.set(`${path}_${key}`, null);
    }
  };
  add("", JSON.parse(envelope));
  return goJson(Object.fromEntries([...flat].sort(([a], [b]) => (a < b ? -1 : 1))));
}
