// What the service says, and how it is asked.

// What went wrong, in words that a person can act on.
class Problem extends Error {
  constructor(status, code, message, retryAfter = null) {
    super(message);
    Object.assign(this, {status, code, retryAfter});
  }
}

// Who looks at this page. The token is kept for this tab only, and never shown.
const session = {
  token: sessionStorage.getItem('registry-query-token'),
  caller: null,
  // Counts the callers: an answer to a former one is for nobody.
  round: 0,
  keep(token) {
    this.token = token;
    if (token) sessionStorage.setItem('registry-query-token', token);
    else sessionStorage.removeItem('registry-query-token');
  },
  can(scope) { return this.caller?.scopes.includes(scope) ?? false; },
  // Called when the service wants another token; page.js sets it.
  refused() {},
};

// Where a path of the service is: below the page's own folder, which may be that of a reverse proxy.
const locate = (path) => new URL(path, document.baseURI.replace(/[?#].*$/, ''));

// Asks the service and answers what it sent.
// @param options.token another token than the session's, to be tried out
// @throws {Problem} for everything that is no success, and for no answer at all
async function request(path, {method = 'GET', body, headers = {}, signal, token} = {}) {
  const sent = {...headers};
  const credentials = token ?? session.token;
  if (credentials) sent.Authorization = `Bearer ${credentials}`;
  if (body) sent['Content-Type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(locate(path), {
      method, headers: sent, signal, cache: 'no-store', redirect: 'error', body: body && JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, 'unreachable', 'the service does not answer; check that it runs and that this machine reaches it');
  }
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  // The token may be another one by now.
  if (problem.status === 401 && token === undefined && credentials === session.token) session.refused(problem);
  throw problem;
}

// The answer may be the service's own problem document, or whatever a proxy between makes of it.
async function problemOf(answer) {
  let told = null;
  try { told = await answer.json(); } catch { /* a page of a proxy */ }
  return new Problem(
    answer.status, told?.code ?? 'http', told?.message ?? `the answer was ${answer.status} ${answer.statusText}`.trim(),
    Number(answer.headers.get('Retry-After')) || null);
}

// Asks for a document. It is never answered to whoever has signed out meanwhile.
function ask(path, options = {}) {
  const {round} = session;
  return new Promise((resolve, reject) => {
    const ours = (pass) => (value) => { if (round === session.round) pass(value); };
    inquire(path, options).then(ours(resolve), ours(reject));
  });
}

// For half a minute at most: an answer comes within 30 s or not at all.
async function inquire(path, options) {
  const limit = AbortSignal.timeout(40_000);
  const signal = options.signal ? AbortSignal.any([limit, options.signal]) : limit;
  try {
    return await (await request(path, {...options, signal})).json();
  } catch (error) {
    if (error.name !== 'TimeoutError' && !limit.aborted) throw error;
    throw new Problem(0, 'unreachable', 'the service did not answer within 40 s');
  }
}

// A key that makes repetitions safe. `randomUUID` exists on https only.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// ---- The tab

// A browser has six connections to a service without https, for all its tabs together, and two of them stay open here:
// a tab that nobody has looked at for a minute gives them back, and takes them again when it is seen.
const tab = {
  // Aborted while the tab rests.
  resting: new AbortController(),
  waiting: [],
  get rests() { return this.resting.signal.aborted; },
  look() {
    clearTimeout(this.timer);
    if (document.hidden) {
      this.timer = setTimeout(() => this.resting.abort(), 60_000);
    } else if (this.rests) {
      this.resting = new AbortController();
      for (const goOn of this.waiting.splice(0)) goOn();
    }
  },
  // Returns when somebody looks, at once as a rule.
  seen() { return this.rests ? new Promise((resolve) => { this.waiting.push(resolve); }) : null; },
};
document.addEventListener('visibilitychange', () => tab.look());
tab.look();

// ---- Builds

// The builds that the feed has told of.
const builds = {
  // By id; `null` until the first answer.
  known: null,
  // The ids of those that were started in this tab.
  started: new Set(),
  listeners: new Set(),
  pending: false,
  replace(list) {
    const before = this.known;
    this.known = new Map(list.map((build) => [build.id, build]));
    if (before) {
      for (const build of list) this.compare(build, before.get(build.id));
      // Ended, and forgotten already.
      for (const build of before.values()) if (!build.done && !this.known.has(build.id)) webapps.touched(build.webapp);
    }
    this.changed();
  },
  put(build) {
    const before = this.known?.get(build.id);
    this.known?.set(build.id, build);
    this.compare(build, before);
    this.changed();
  },
  // Tells what is new about a build.
  compare(build, known) {
    const before = known?.createdAt === build.createdAt ? known : null;
    const isOfInterest = this.started.has(build.id) || location.hash.startsWith(`#/builds/${build.id}`)
      || location.hash === `#/webapps/${build.webapp}`;
    if (build.done && before && !before.done && isOfInterest) {
      const reason = build.status === 'failed' ? `: ${build.message}` : '';
      announce(`Build of ${build.webapp} ${build.tag} ${build.status}${reason}`);
    }
    if (before?.status !== build.status) webapps.touched(build.webapp);
  },
  drop(id) {
    if (this.known?.delete(id)) this.changed();
  },
  // Tells the listeners, a few times a second at most.
  changed() {
    if (this.pending) return;
    this.pending = true;
    setTimeout(() => {
      this.pending = false;
      for (const listener of this.listeners) listener();
    }, 60);
  },
  // Those that fit, newest first.
  list(fits = () => true) {
    return [...this.known?.values() ?? []].filter(fits).sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  },
};

// Takes server-sent events apart. Spec: HTML, section 9.2.6.
class EventParser {
  constructor(found) {
    this.found = found;
    this.rest = '';
    this.name = '';
    this.data = [];
  }

  take(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    // A document of 200 builds is far below.
    if (this.rest.length > 32 << 20) throw new Problem(0, 'feed', 'the feed sent an event that never ends');
    for (const line of lines) this.line(line);
  }

  line(line) {
    if (line === '') {
      if (this.data.length) this.found(this.name || 'message', this.data.join('\n'));
      this.name = '';
      this.data = [];
      return;
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === 'event') this.name = value;
    if (field === 'data') this.data.push(value);
  }
}

// The live feed. `EventSource` cannot send a token, so its work is done here: reading, reconnecting with growing and
// random pauses, and noticing a connection that is open but dead.
const feed = {
  state: 'connecting',
  // When something was last heard, in the service's time.
  heardAt: null,
  trouble: null,
  listeners: new Set(),
  failures: 0,
  run: null,

  start() {
    this.stop();
    this.run = new AbortController();
    this.failures = 0;
    this.move('connecting');
    this.loop(this.run.signal);
  },

  stop() {
    this.run?.abort();
    this.run = null;
  },

  // Tries again now, where it waits to.
  hurry() { this.wake?.(); },

  async loop(signal) {
    while (!signal.aborted) {
      if (tab.rests) {
        this.move('paused');
        await tab.seen();
        if (signal.aborted) return;
        this.failures = 0;
        this.move('connecting');
      }
      try {
        await this.read(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error.status === 401) return;
        this.reason = error.message;
      }
      if (signal.aborted) return;
      if (tab.rests) continue;
      this.failures += 1;
      // An end without an error is a restart of the service: it is asked again soon.
      const pause = Math.min(30_000, 500 * 2 ** Math.min(this.failures - 1, 6)) * (0.5 + Math.random());
      this.move(this.failures > 4 || !navigator.onLine ? 'offline' : 'reconnecting');
      await new Promise((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, pause);
      });
    }
  },

  // Reads one connection to its end.
  async read(signal) {
    const connection = new AbortController();
    const end = () => connection.abort();
    const ending = AbortSignal.any([signal, tab.resting.signal]);
    ending.addEventListener('abort', end, {once: true});
    // Heartbeats come every 15 s.
    let heard = Date.now();
    const watchdog = setInterval(() => { if (Date.now() - heard > 40_000) end(); }, 2000);
    try {
      const answer = await request('events', {signal: connection.signal, headers: {Accept: 'text/event-stream'}});
      clock.set(answer.headers.get('Date'));
      const parser = new EventParser((name, data) => this.event(name, JSON.parse(data)));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const {value, done} = await reader.read();
        if (done || ending.aborted) return;
        heard = Date.now();
        this.heardAt = clock.now();
        parser.take(value);
      }
    } catch (error) {
      if (signal.aborted || error instanceof Problem) throw error;
      throw new Problem(0, 'feed', Date.now() - heard > 40_000 ? 'nothing came for 40 s' : 'the connection broke off');
    } finally {
      clearInterval(watchdog);
      ending.removeEventListener('abort', end);
      end();
    }
  },

  event(name, data) {
    if (name === 'builds') {
      this.failures = 0;
      this.trouble = null;
      builds.replace(data.builds);
      this.move('live');
    } else if (name === 'build') {
      builds.put(data);
    } else if (name === 'gone') {
      builds.drop(data.id);
    } else if (name === 'trouble') {
      this.trouble = {message: data.message, since: this.trouble?.since ?? clock.now()};
      this.move('live');
    }
  },

  move(state) {
    const before = this.state;
    this.state = state;
    clock.stoppedAt = state === 'live' ? this.trouble?.since ?? null : this.heardAt;
    const isLost = (one) => one === 'reconnecting' || one === 'offline';
    if (before === 'live' && isLost(state)) announce('The connection to the service is lost');
    if (isLost(before) && state === 'live') announce('Connected again');
    for (const listener of this.listeners) listener();
  },
};

addEventListener('online', () => feed.hurry());
addEventListener('offline', () => feed.listeners.forEach((listener) => listener()));
document.addEventListener('visibilitychange', () => { if (!document.hidden) feed.hurry(); });

// ---- Webapps

// The webapps, and what is known of each. Details are asked for when they are to be seen, few at a time.
const webapps = {
  // `{webapps, source, message}`, or `null` before the first answer.
  list: null,
  error: null,
  details: new Map(),
  listeners: new Set(),
  queue: new Set(),
  asking: 0,
  loading: null,

  // Loads the list, once at a time.
  load() { return this.loading ??= this.reload().finally(() => { this.loading = null; }); },

  async reload() {
    this.loadedAt = Date.now();
    try {
      this.list = await ask('webapps');
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.changed();
  },

  detail(name) { return this.details.get(name) ?? {}; },

  // Asks for a webapp's details, unless they are new enough.
  want(name, maxAge = 60_000) {
    if (Date.now() - (this.detail(name).at ?? 0) < maxAge) return;
    this.queue.add(name);
    this.work();
  },

  work() {
    for (const name of this.queue) {
      if (this.asking >= 4) return;
      this.queue.delete(name);
      this.fetch(name);
    }
  },

  async fetch(name) {
    this.asking += 1;
    const before = this.detail(name);
    this.details.set(name, {...before, at: Date.now()});
    try {
      this.details.set(name, {data: await ask(`webapps/${name}`), at: Date.now()});
    } catch (error) {
      this.details.set(name, {data: before.data, error, at: Date.now()});
    }
    this.asking -= 1;
    this.changed(name);
    this.work();
  },

  // A build of it has begun or ended: what is known of it is old.
  touched(name) {
    if (this.list && !this.list.webapps.includes(name)) this.load();
    if (this.details.has(name)) this.want(name, 0);
    this.changed(name);
  },

  forget() {
    this.list = this.error = this.loading = null;
    this.asking = 0;
    this.details.clear();
    this.queue.clear();
  },

  changed(name) { for (const listener of this.listeners) listener(name); },
};
