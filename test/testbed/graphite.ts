import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { command, debs, debVersion, libraries } from "./place.ts";
import { freePorts } from "./process.ts";

const PACKAGES = ["graphite-web"];
const PYTHON = "/usr/bin/python3";

/** Overrides of graphite-web's settings. */
const SETTINGS = `import os

_run = os.environ["TESTBED_RUN"]
SECRET_KEY = "testbed"
DEBUG = True
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": _run + "/db.sqlite"}}
LOG_DIR = STORAGE_DIR = WHISPER_DIR = _run
STANDARD_DIRS = [_run]
TIME_ZONE = "UTC"
`;

/** graphite-web with its events, in SQLite. */
export const graphite: Definition = {
  name: "graphite",
  summary: "graphite-web of Debian: POST /events/, read back by /events/get_data",
  missing: () =>
    Bun.which("apt-get") === null || Bun.which("dpkg") === null ? "needs Debian's packages (apt-get, dpkg)" : undefined,
  install: async () => {
    await debs("graphite", PACKAGES);
  },
  async plan(dir) {
    const root = await debs("graphite", PACKAGES);
    const [port = 0] = await freePorts(1);
    await Bun.write(join(dir, "testbed_local.py"), SETTINGS);
    const env = {
      LD_LIBRARY_PATH: libraries(root),
      PYTHONPATH: `${join(root, "usr/lib/python3/dist-packages")}:${dir}`,
      GRAPHITE_SETTINGS_MODULE: "testbed_local",
      DJANGO_SETTINGS_MODULE: "graphite.settings",
      PYTHONDONTWRITEBYTECODE: "1",
      TESTBED_RUN: dir,
    };
    const django = [PYTHON, "-W", "ignore", "-m", "django"];
    await command([...django, "migrate", "--run-syncdb"], { cwd: dir, env });
    const url = `http://127.0.0.1:${port}`;
    const argv = [...django, "runserver", "--noreload", `127.0.0.1:${port}`];
    return {
      ports: { http: port },
      env: { URL: url },
      processes: [{ name: "graphite", argv, env, ready: { url: `${url}/events/get_data?from=-1min` } }],
      versions: { Graphite: await debVersion("graphite-web") },
      usage: [`curl '${url}/events/get_data?from=-1h'`],
    };
  },
};
