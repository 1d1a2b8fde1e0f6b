// A build's log: read to its end, searched, and shown however long it is.

const MOST_MATCHES = 10_000;
// How much of a log's beginning tells it from another.
const BEGINNING = 1000;

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
    let beginning = '';
    for (let failures = 0; !signal.aborted;) {
      await tab.seen();
      try {
        const answer = await request(`builds/${this.id}/logs?follow=true`, {signal: AbortSignal.any([signal, tab.resting.signal])});
        // What was read before a break comes again.
        let known = received;
        let place = 0;
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const {value, done} = await reader.read();
          if (done) return this.ended();
          failures = 0;
          if (known && !value.startsWith(beginning.slice(place, place + value.length))) {
            // A node begins a new file when a log is long, and serves that one only.
            [known, received, beginning] = [0, 0, ''];
            await this.take(`${this.log.rest && '\n'}Lines are missing here: the log was begun anew while the connection was lost.\n`);
          }
          place += value.length;
          const fresh = value.slice(Math.min(known, value.length));
          known -= value.length - fresh.length;
          received += fresh.length;
          beginning += fresh.slice(0, BEGINNING - beginning.length);
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
