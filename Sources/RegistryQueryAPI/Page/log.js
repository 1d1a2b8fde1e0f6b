// A build's log: what terminals make of it, and how very long ones are shown.

// How many lines are kept; of longer logs the newest.
const MOST_LINES = 100_000;
// How much of one line is shown.
const LONGEST_LINE = 8192;
const CHUNK = 200;
const MOST_MATCHES = 10_000;

// ---- Colours

const LOG_BACKGROUND = [16, 20, 28];

// The colour of an index above the sixteen of the theme.
function paletteColour(index) {
  if (index >= 232) return Array(3).fill(8 + (index - 232) * 10);
  const level = (value) => (value ? 55 + value * 40 : 0);
  return [Math.floor((index - 16) / 36), Math.floor((index - 16) / 6) % 6, (index - 16) % 6].map(level);
}

function luminance(colour) {
  const [red, green, blue] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// The colour, or as much lighter as it takes to be read on the log's background (WCAG: 4.5 to 1).
function legible(colour) {
  let now = colour;
  while ((luminance(now) + 0.05) / (luminance(LOG_BACKGROUND) + 0.05) < 4.5) {
    now = now.map((value) => Math.min(255, Math.round(value + (255 - value) * 0.15 + 1)));
  }
  return now;
}

const ATTRIBUTES = {1: 'bold', 2: 'dim', 4: 'underline', 7: 'inverse'};

// What `ESC [ ... m` sets. Spec: ECMA-48 section 8.3.117; 38 and 48 as xterm has them.
function rendition(style, parameters) {
  const codes = parameters.split(/[;:]/).map(Number);
  let now = {...style};
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index];
    const side = code < 40 || (code >= 90 && code < 100) ? 'front' : 'back';
    const digit = code % 10;
    if (code === 0) now = {};
    else if (ATTRIBUTES[code]) now[ATTRIBUTES[code]] = true;
    else if (code === 22) now.bold = now.dim = false;
    else if (ATTRIBUTES[code - 20]) now[ATTRIBUTES[code - 20]] = false;
    else if (code < 30 || code > 107 || (code > 49 && code < 90)) continue;
    else if (digit < 8) now[side] = digit + (code >= 90 ? 8 : 0);
    else if (digit === 9) now[side] = undefined;
    else if (codes[index + 1] === 5) {
      const colour = codes[index += 2];
      if (colour >= 0 && colour < 256) now[side] = colour < 16 ? colour : paletteColour(colour);
    } else if (codes[index + 1] === 2) {
      const colour = codes.slice(index + 2, index + 5);
      if (colour.length === 3 && colour.every((value) => value >= 0 && value < 256)) now[side] = colour;
      index += 4;
    }
  }
  return now;
}

const isPlain = (style) => !Object.values(style).some((value) => value !== undefined && value !== false);

// A piece of a line as an element.
function piece(text, style) {
  if (!style) return document.createTextNode(text);
  const element = h('span', {}, text);
  const {front, back} = style.inverse ? {front: style.back ?? 0, back: style.front ?? 7} : style;
  for (const name of ['bold', 'dim', 'underline']) if (style[name]) element.classList.add(name);
  if (typeof front === 'number') element.classList.add(`f${front}`);
  else if (front) element.style.setProperty('color', `rgb(${(back === undefined ? legible(front) : front).join()})`);
  if (typeof back === 'number') element.classList.add(`b${back % 8}`);
  else if (back) element.style.setProperty('background-color', `rgb(${back.join()})`);
  return element;
}

// ---- Lines

// Control sequences, then strings for the terminal such as titles and links, then what has one or two characters.
const ESCAPES = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]?|[\x00-\x07\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g;
const SPECIAL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;

// A line as a terminal shows it in the end: `{text, pieces}`, where `pieces` is `null` without colours, else a list of
// `[start, style]`; and the style that the next line begins with.
function terminalLine(raw, style) {
  if (raw.endsWith('\r')) raw = raw.slice(0, -1);
  if (isPlain(style) && !SPECIAL.test(raw)) return {line: {text: raw, pieces: null}, style};
  const cells = [];
  let now = isPlain(style) ? null : style;
  let column = 0;
  const write = (text) => {
    for (const character of text) cells[column++] = [character, now];
  };
  const control = (code) => {
    if (code === '\r') column = 0;
    else if (code === '\b') column = Math.max(0, column - 1);
  };
  const writeAll = (text) => {
    for (const part of text.split(/([\r\b])/)) if (part === '\r' || part === '\b') control(part); else write(part);
  };
  let end = 0;
  for (const match of raw.matchAll(ESCAPES)) {
    if (match[0] === '\r' || match[0] === '\b') continue;
    writeAll(raw.slice(end, match.index));
    end = match.index + match[0].length;
    if (match[2] === 'm') {
      const next = rendition(now ?? {}, match[1]);
      now = isPlain(next) ? null : next;
    } else if (match[2] === 'K') {
      // Erases from here on, or the whole line.
      if (match[1] === '2') cells.fill([' ', null]);
      else if (match[1] !== '1') cells.length = column;
    }
  }
  writeAll(raw.slice(end));
  return {line: joined(cells), style: now ?? {}};
}

function joined(cells) {
  let text = '';
  const pieces = [];
  let last;
  for (let index = 0; index < cells.length; index += 1) {
    const [character, style] = cells[index] ?? [' ', null];
    if (index === 0 || style !== last) pieces.push([text.length, style]);
    last = style;
    text += character;
  }
  return {text, pieces: pieces.some(([, style]) => style) ? pieces : null};
}

// The lines of a log, the newest of them.
class LogLines {
  constructor() {
    this.lines = [];
    // How many lines at the beginning are not kept any more.
    this.dropped = 0;
    this.style = {};
    this.rest = '';
  }

  // How many lines there are, those that are not kept included, and the unfinished one at the end not.
  get count() { return this.dropped + this.lines.length; }

  at(number) { return this.lines[number - 1 - this.dropped]; }

  add(text) {
    const parts = (this.rest + text).split('\n');
    this.rest = parts.pop();
    for (const part of parts) this.finish(part);
    // A line that never ends, such as a progress bar: what matters of it is its end.
    if (this.rest.length > 1 << 16) this.rest = this.rest.slice(-LONGEST_LINE);
    // In larger steps, for each moves all the others.
    if (this.lines.length > MOST_LINES + 10 * CHUNK) {
      const surplus = Math.floor((this.lines.length - MOST_LINES) / CHUNK) * CHUNK;
      this.lines.splice(0, surplus);
      this.dropped += surplus;
    }
  }

  finish(raw) {
    const {line, style} = terminalLine(raw.length > 1 << 16 ? raw.slice(0, 1 << 16) : raw, this.style);
    this.style = style;
    if (line.text.length > LONGEST_LINE) {
      const more = number(line.text.length - LONGEST_LINE);
      line.text = `${line.text.slice(0, LONGEST_LINE)} … ${more} more characters, see the download`;
      line.pieces = line.pieces?.filter(([start]) => start < LONGEST_LINE) ?? null;
    }
    this.lines.push(line);
  }

  // The line at the end that is not finished yet, or `null`.
  get unfinished() { return this.rest === '' ? null : terminalLine(this.rest, this.style).line; }
}

// A line as elements, with what was searched for marked.
function lineElement(line, lineNumber, link, query, current) {
  const text = h('span', {class: 'text'});
  const marks = query ? occurrences(line.text, query) : [];
  const cuts = new Map((line.pieces ?? [[0, null]]).map(([start, style]) => [start, {style}]));
  marks.forEach((start, index) => {
    cuts.set(start, {...cuts.get(start), mark: index});
    cuts.set(start + query.length, {...cuts.get(start + query.length), unmark: true});
  });
  const places = [...cuts.keys()].sort((a, b) => a - b);
  let style = null;
  let mark = null;
  places.forEach((place, index) => {
    const cut = cuts.get(place);
    if ('style' in cut) style = cut.style;
    if (cut.unmark) mark = null;
    if (cut.mark !== undefined) mark = cut.mark;
    const part = line.text.slice(place, places[index + 1]);
    if (part === '') return;
    const shown = piece(part, style);
    text.append(mark === null ? shown : h('mark', {class: mark === current && 'current'}, shown));
  });
  return h('div', {class: 'line', id: `L${lineNumber}`},
    h('a', {class: 'no', href: `${link}/L${lineNumber}`, tabindex: -1, 'aria-label': `Line ${lineNumber}`, 'data-no': lineNumber}), text);
}

// Where a text has another, in whatever case; one after the other.
function occurrences(text, query) {
  const found = [];
  const lower = text.toLowerCase();
  // Lower case can have another length, and then marks would be beside what they mark.
  const within = lower.length === text.length ? lower : text;
  for (let at = within.indexOf(query); at >= 0 && found.length < 1000; at = within.indexOf(query, at + query.length)) {
    found.push(at);
  }
  return found;
}

// ---- The view

// The log as it is seen. Lines come in chunks, and only those near what is seen have elements: the rest are boxes of the
// height that they would have.
class LogView {
  // @param link the address of the build within the page
  constructor(id, link) {
    Object.assign(this, {id, link, log: new LogLines(), chunks: new Map(), query: '', matches: [], match: -1, searched: 0});
    this.follows = true;
    this.target = null;
    this.makeElements();
    this.observer = new IntersectionObserver((entries) => entries.forEach((entry) => this.see(entry)),
      {root: this.scroller, rootMargin: '800px 0px'});
    this.stopping = new AbortController();
    this.wrap(innerWidth < 700);
    this.follow(true);
  }

  makeElements() {
    this.search = h('input', {
      type: 'search', placeholder: 'Search, or :120 for a line', 'aria-label': 'Search the log', ...PLAIN,
      // Not with each key: a long log has much to search.
      oninput: () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.find(this.search.value), 150);
      },
      onkeydown: (event) => this.searchKey(event),
    });
    this.count = h('span', {class: 'matches', role: 'status'});
    const step = (label, name, direction) => h('button', {
      class: 'square', 'aria-label': label, title: label, onclick: () => this.step(direction),
    }, icon(name));
    const toggle = (text, change) => h('button', {'aria-pressed': 'false', onclick: change}, text);
    this.followButton = toggle('Follow', () => this.follow(!this.follows));
    this.wrapButton = toggle('Wrap', () => this.wrap(!this.wraps));
    this.linkButton = h('button', {hidden: true, onclick: () => this.copyLink()}, 'Copy link to line');
    this.state = h('p', {class: 'logstate'}, 'Reading the log …');
    this.loss = h('p', {class: 'loss', hidden: true});
    this.body = h('div', {class: 'lines'});
    this.tail = h('div', {class: 'lines tail'});
    this.scroller = h('div', {
      class: 'log', tabindex: 0, role: 'region', 'aria-label': 'Output of the build',
      onscroll: () => this.scrolled(),
      // Only a person's scrolling ends following; what moves because lines have come does not.
      onwheel: () => { this.byHand = true; }, ontouchmove: () => { this.byHand = true; },
      onkeydown: () => { this.byHand = true; }, onpointerdown: () => { this.byHand = true; },
      onclick: (event) => this.clicked(event),
    }, this.loss, this.body, this.tail, this.state);
    this.element = h('section', {class: 'logview', 'aria-labelledby': 'log-heading'},
      h('div', {class: 'tools'},
        h('h2', {id: 'log-heading'}, 'Log'),
        h('div', {class: 'searching', role: 'search'}, this.search, this.count, step('Previous match', 'up', -1), step('Next match', 'down', 1)),
        h('div', {class: 'buttons'}, this.linkButton, this.followButton, this.wrapButton,
          h('button', {onclick: (event) => this.download(event.currentTarget)}, 'Download'))),
      this.scroller);
  }

  close() {
    this.stopping.abort();
    clearTimeout(this.typing);
    this.observer.disconnect();
  }

  // Reading

  // Reads the log to its end, over any number of connections.
  async read() {
    const {signal} = this.stopping;
    let received = 0;
    for (let failures = 0; !signal.aborted;) {
      await tab.seen();
      try {
        const answer = await request(`builds/${this.id}/logs?follow=true`, {signal: AbortSignal.any([signal, tab.resting.signal])});
        // What was read before a break comes again.
        let known = received;
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const {value, done} = await reader.read();
          if (done) return this.ended();
          failures = 0;
          const fresh = value.slice(Math.min(known, value.length));
          known -= value.length - fresh.length;
          received += fresh.length;
          await this.take(fresh);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (tab.rests) {
          say(this.state, 'The log is read on when this tab is looked at');
          continue;
        }
        if (error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429) return this.missing(error);
        failures += 1;
        say(this.state, `The log broke off, and is asked for again … (${error.message})`);
        await pause(Math.min(15_000, 400 * 2 ** failures) * (0.5 + Math.random()));
      }
    }
  }

  // Takes text in, and lets the page breathe in between.
  async take(text) {
    const size = 1 << 16;
    for (let start = 0; start < text.length; start += size) {
      this.log.add(text.slice(start, start + size));
      this.schedule();
      if (text.length > size || performance.now() - (this.breath ?? 0) > 30) {
        await pause(0);
        this.breath = performance.now();
      }
    }
    say(this.state, 'The build goes on …');
  }

  ended() {
    if (this.log.rest !== '') this.log.add('\n');
    this.render();
    say(this.state, this.log.count ? `End of the log, ${plural(this.log.count, 'line')}` : 'The build has written nothing.');
    this.atEnd = true;
    show(this.followButton, false);
  }

  missing(error) {
    this.render();
    say(this.state, error.code === 'log_unavailable' || error.status === 404
      ? `There is no log any more: ${error.message}` : `The log cannot be shown: ${error.message}`);
  }

  // Showing

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    setTimeout(() => { this.scheduled = false; this.render(); }, 80);
  }

  render() {
    const {log} = this;
    const first = Math.floor(log.dropped / CHUNK);
    for (const [index, chunk] of this.chunks) {
      if (index >= first) break;
      this.observer.unobserve(chunk);
      chunk.remove();
      this.chunks.delete(index);
    }
    show(this.loss, log.dropped > 0);
    if (log.dropped) say(this.loss, `The first ${number(log.dropped)} lines are not kept here; the download has them.`);
    for (let index = Math.max(first, this.chunks.size + first - 1); index * CHUNK < log.count; index += 1) this.grow(index);
    const rest = log.unfinished;
    this.tail.replaceChildren(...rest ? [lineElement(rest, log.count + 1, this.link, '', -1)] : []);
    this.body.style.setProperty('--digits', String(log.count + 1).length);
    this.tail.style.setProperty('--digits', String(log.count + 1).length);
    if (this.query) this.searchOn();
    if (this.follows) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.reachTarget();
  }

  // Makes a chunk, or makes it longer.
  grow(index) {
    let chunk = this.chunks.get(index);
    const lines = Math.min(CHUNK, this.log.count - index * CHUNK);
    if (!chunk) {
      chunk = h('div', {class: 'chunk'});
      chunk.index = index;
      chunk.filled = 0;
      this.chunks.set(index, chunk);
      this.body.append(chunk);
      this.observer.observe(chunk);
    }
    chunk.style.setProperty('--lines', lines);
    if (chunk.seen) this.fill(chunk);
  }

  see(entry) {
    const chunk = entry.target;
    chunk.seen = entry.isIntersecting;
    if (chunk.seen) {
      this.fill(chunk);
    } else if (chunk.filled) {
      // A wrapped chunk keeps the height that it turned out to have.
      chunk.style.setProperty('--height', `${chunk.offsetHeight}px`);
      chunk.replaceChildren();
      chunk.filled = 0;
      chunk.classList.remove('full');
    }
  }

  // Gives a chunk its lines, or those that it lacks.
  fill(chunk, anew = false) {
    // Its lines are gone already, and it goes with the next rendering.
    if (chunk.index * CHUNK < this.log.dropped) return;
    if (anew) {
      chunk.replaceChildren();
      chunk.filled = 0;
    }
    const from = chunk.index * CHUNK;
    const to = Math.min(from + CHUNK, this.log.count);
    const current = this.matches[this.match];
    for (let index = from + chunk.filled; index < to; index += 1) {
      const lineNumber = index + 1;
      const element = lineElement(this.log.at(lineNumber), lineNumber, this.link, this.query,
        current?.[0] === lineNumber ? current[1] : -1);
      if (lineNumber === this.target?.line) element.classList.add('target');
      chunk.append(element);
    }
    chunk.filled = to - from;
    chunk.classList.add('full');
  }

  refill() {
    for (const chunk of this.chunks.values()) {
      if (chunk.filled) this.fill(chunk, true);
    }
  }

  // Moving

  scrolled() {
    if (!this.byHand) return;
    const below = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight;
    if (below > 60 && this.follows) this.follow(false);
    else if (below < 4 && !this.follows && !this.atEnd) this.follow(true);
  }

  follow(follows) {
    this.follows = follows;
    this.byHand = false;
    this.followButton.setAttribute('aria-pressed', String(follows));
    if (follows) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  wrap(wraps) {
    this.wraps = wraps;
    this.wrapButton.setAttribute('aria-pressed', String(wraps));
    this.scroller.classList.toggle('wrapped', wraps);
    for (const chunk of this.chunks.values()) chunk.style.removeProperty('--height');
    if (this.follows) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  // Goes to a line, as soon as it is there.
  go(lineNumber) {
    this.target = {line: lineNumber, reached: false};
    this.follow(false);
    show(this.linkButton, true);
    this.refill();
    this.reachTarget();
  }

  reachTarget() {
    const {target, log} = this;
    if (!target || target.reached || target.line > log.count) return;
    target.reached = true;
    this.reveal(Math.max(target.line, log.dropped + 1));
  }

  reveal(lineNumber) {
    const chunk = this.chunks.get(Math.floor((lineNumber - 1) / CHUNK));
    if (!chunk) return;
    this.fill(chunk);
    const line = chunk.children[(lineNumber - 1) % CHUNK];
    if (!line) return;
    const {scroller} = this;
    // Its middle may be below what the window shows.
    scroller.scrollIntoView({block: 'nearest'});
    const centre = () => {
      const offset = line.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
      scroller.scrollTop += offset - scroller.clientHeight / 2;
    };
    // Its middle may be below what the window shows.
    scroller.scrollIntoView({block: 'nearest'});
    centre();
    // Chunks between have other heights than was thought once they are filled.
    requestAnimationFrame(centre);
  }

  clicked(event) {
    const lineNumber = event.target.closest('a.no')?.dataset.no;
    if (!lineNumber) return;
    event.preventDefault();
    this.mark(Number(lineNumber));
  }

  // Makes a line the one that the address names, without going anywhere.
  mark(lineNumber, isInAddress = true) {
    if (isInAddress) history.replaceState(null, '', `${this.link}/L${lineNumber}`);
    this.target = {line: lineNumber, reached: true};
    this.follow(false);
    show(this.linkButton, true);
    for (const line of this.scroller.querySelectorAll('.line.target')) line.classList.remove('target');
    one(`#L${lineNumber}`, this.scroller)?.classList.add('target');
  }

  copyLink() { copy(locate(`${this.link}/L${this.target.line}`).href, `Link to line ${this.target.line}`); }

  // Searching

  find(text) {
    clearTimeout(this.typing);
    this.typing = null;
    const line = /^:(\d+)$/.exec(text.trim());
    this.query = line || text.trim() === '' ? '' : text.toLowerCase();
    this.matches = [];
    this.match = -1;
    this.searched = this.log.dropped;
    this.goTo = line ? Math.min(Math.max(1, Number(line[1])), this.log.count) : null;
    if (this.query) this.searchOn();
    else say(this.count, '');
    this.refill();
    // While one types, the address stays.
    if (this.matches.length) this.step(1, false);
  }

  // Searches what has come since the last time, until there are very many.
  searchOn() {
    const {log, matches} = this;
    let gone = 0;
    while (matches[gone]?.[0] <= log.dropped) gone += 1;
    matches.splice(0, gone);
    this.match = Math.max(-1, this.match - gone);
    this.searched = Math.max(this.searched, log.dropped);
    while (this.searched < log.count && matches.length <= MOST_MATCHES) {
      const lineNumber = this.searched += 1;
      occurrences(log.at(lineNumber).text, this.query).forEach((_, index) => matches.push([lineNumber, index]));
    }
    this.sayCount();
  }

  sayCount() {
    const {length} = this.matches;
    const all = length > MOST_MATCHES ? `more than ${number(MOST_MATCHES)}` : number(length);
    say(this.count, this.matches.length === 0 ? 'none' : this.match < 0 ? all : `${number(this.match + 1)} of ${all}`);
  }

  step(direction, isInAddress = true) {
    if (this.goTo) {
      this.mark(this.goTo);
      return this.reveal(this.goTo);
    }
    const {length} = this.matches;
    if (!length) return;
    this.match = this.match < 0 ? (direction > 0 ? 0 : length - 1) : (this.match + direction + length) % length;
    const [lineNumber] = this.matches[this.match];
    if (lineNumber <= this.log.dropped) return;
    this.sayCount();
    this.mark(lineNumber, isInAddress);
    this.refill();
    this.reveal(lineNumber);
  }

  searchKey(event) {
    if (event.key === 'Enter') {
      event.preventDefault();
      if (this.typing) {
        this.find(this.search.value);
        this.match = -1;
      }
      this.step(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape' && this.search.value) {
      event.preventDefault();
      this.search.value = '';
      this.find('');
    }
  }

  // The whole of it, from the service

  async download(button) {
    button.disabled = true;
    try {
      const answer = await request(`builds/${this.id}/logs`, {signal: this.stopping.signal});
      const address = URL.createObjectURL(await answer.blob());
      h('a', {href: address, download: `${this.id}.log`}).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      if (error.name !== 'AbortError') inform(error.message);
    }
    button.disabled = false;
  }
}
