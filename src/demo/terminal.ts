/** A full screen that is given back as it was found, whatever ends the process. */

export interface Screen {
  show(text: string): void;
  /** Gives the terminal back; may be called twice. */
  close(): void;
}

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE = "\x1b[?25h\x1b[?1049l";
/** Synchronised output: terminals that know it show the frame at once, others ignore it. */
const BEGIN = "\x1b[?2026h\x1b[H";
const END = "\x1b[J\x1b[?2026l";

export function openScreen(write: (text: string) => void): Screen {
  let open = true;
  const close = () => {
    process.off("exit", close);
    if (!open) return;
    open = false;
    write(LEAVE);
  };
  // A second signal ends the process at once: only this hears of it.
  process.on("exit", close);
  write(ENTER);
  return {
    show(text) {
      if (open) write(`${BEGIN}${text.replaceAll("\n", "\x1b[K\r\n")}\x1b[K${END}`);
    },
    close,
  };
}
