'use strict';
// The page of registry-query. This file comes first, page.js last, the others in any order between; they share one scope.
// Data reaches the document as text and attributes only, never as markup.

const one = (selector, root = document) => root.querySelector(selector);

// Makes an element: attributes as they are written in HTML, listeners as `onclick`; absent children are left out.
const h = (name, attributes, ...children) => {
  const element = assemble(document.createElement(name), attributes, children);
  if (name === 'button' && !attributes?.type) element.type = 'button';
  return element;
};
// A section with a heading, and with what stands beside that.
const section = (title, beside, ...content) => {
  const id = `about-${title.toLowerCase().replaceAll(' ', '-')}`;
  return h('section', {'aria-labelledby': id}, h('div', {class: 'heading'}, h('h2', {id}, title), beside), content);
};
const svg = (name, attributes, ...children) =>
  assemble(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);

function assemble(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value == null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(2).filter((child) => child != null && child !== false));
  return element;
}

// Changes a text only where it differs, so that selections and screen readers are left in peace.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

// Makes the children of a container those of a list. Elements are kept by key, and moved only where the order has changed,
// so that focus stays where it is. `make` answers an element whose `update(item)` fills it in.
function keyed(container, items, keyOf, make) {
  const known = container.views ?? new Map();
  const views = new Map(items.map((item) => [keyOf(item), null]));
  for (const [key, view] of known) if (!views.has(key)) view.remove();
  let place = container.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    const view = known.get(key) ?? make(item);
    views.set(key, view);
    view.update(item);
    if (view === place) place = place.nextSibling;
    else container.insertBefore(view, place);
  }
  container.views = views;
}

// Says something to those who do not see the page. Few and short things only.
// What comes at once is said in one.
function announce(text) {
  const said = one('#said');
  said.textContent = '';
  if (announce.texts.push(text) === 1) setTimeout(() => { said.textContent = announce.texts.splice(0).join('. '); }, 50);
}
announce.texts = [];

// ---- Time

// The service's clock, as far as it can be told: the clocks of laptops and phones are wrong more often than one thinks.
const clock = {
  offset: 0,
  // When something was last heard, while nothing is: builds must not seem to go on then.
  stoppedAt: null,
  now() { return Date.now() + this.offset; },
  // What counts as now for a build under way.
  known() { return this.stoppedAt ?? this.now(); },
  set(header) {
    const offset = Date.parse(header ?? '') - Date.now();
    if (!Number.isNaN(offset)) this.offset = Math.abs(offset) > 2000 ? offset : 0;
  },
};

// An element whose text changes with time.
function ticking(element, text) {
  element.tick = () => say(element, text());
  element.dataset.tick = '';
  element.tick();
  return element;
}

setInterval(() => {
  for (const element of document.querySelectorAll('[data-tick]')) element.tick();
}, 1000);

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

const NARROW = '\u202f';

function duration(seconds) {
  if (seconds == null) return '–';
  if (seconds > 0 && seconds < 1) return `<${NARROW}1${NARROW}s`;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}${NARROW}s`;
  const pad = (number) => String(number).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}${NARROW}min ${pad(whole % 60)}${NARROW}s`;
  return `${Math.floor(whole / 3600)}${NARROW}h ${pad(Math.floor((whole % 3600) / 60))}${NARROW}min`;
}

function age(iso) {
  const seconds = (clock.now() - Date.parse(iso)) / 1000;
  if (seconds < 5) return 'just now';
  for (const [unit, size, limit] of [['s', 1, 60], ['min', 60, 3600], ['h', 3600, 86400], ['d', 86400, 86400 * 60],
    ['mo', 86400 * 30.44, 86400 * 730]]) {
    if (seconds < limit) return `${Math.floor(seconds / size)}${NARROW}${unit} ago`;
  }
  return `${Math.floor(seconds / 86400 / 365.25)}${NARROW}y ago`;
}

const dateText = (iso) => new Date(iso).toLocaleString('en-GB', {
  day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit',
});
const clockText = (time) => new Date(time - clock.offset).toLocaleTimeString('en-GB');

// How long ago, with the date as a tooltip.
function ago(iso) {
  return ticking(h('time', {datetime: iso, title: dateText(iso)}), () => age(iso));
}

// Fields for names: nothing is to be corrected or remembered in them.
const PLAIN = {autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false'};
const unseen = (title) => h('h1', {class: 'hidden', tabindex: -1}, title);

// ---- Other values

const number = (value) => value.toLocaleString('en-US');
const plural = (count, word) => `${number(count)} ${word}${count === 1 ? '' : 's'}`;
const shortDigest = (digest) => digest.replace(/^sha256:/, '').slice(0, 12);

function bytes(size) {
  if (size < 1000) return `${size}${NARROW}B`;
  for (const [unit, factor] of [['kB', 1e3], ['MB', 1e6], ['GB', 1e9]]) {
    if (size < factor * 1000) return `${(size / factor).toPrecision(size < factor * 100 ? 2 : 3)}${NARROW}${unit}`;
  }
  return `${Math.round(size / 1e9)}${NARROW}GB`;
}

const ICONS = {
  copy: 'M5 5V2.5h8.5V11H11M2.5 5H11v8.5H2.5z',
  done: 'M3 8.5 6.5 12 13 4.5',
  failed: 'M4 4l8 8M12 4l-8 8',
  cancelled: 'M3.5 8h9',
  queued: 'M8 4v4.2l2.8 1.8M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8z',
  running: 'M8 2a6 6 0 1 1-6 6',
  start: 'M5 3.2v9.6L12.8 8z',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  up: 'M3.5 10 8 5.5l4.5 4.5',
  down: 'M3.5 6 8 10.5 12.5 6',
};

function icon(name) {
  return svg('svg', {viewBox: '0 0 16 16', width: 14, height: 14, class: `icon ${name}`, 'aria-hidden': 'true'},
    svg('path', {d: ICONS[name]}));
}

// Copies a text. The clipboard's own interface exists on https and localhost only, and homelabs are often neither.
async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = h('textarea', {class: 'hidden', readonly: true, 'aria-hidden': 'true', tabindex: -1});
    const focused = document.activeElement;
    field.value = text;
    (focused?.closest('dialog') ?? document.body).append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
    focused?.focus();
  }
  announce(`${what} copied`);
}

// A button that copies a text and shows for a moment that it has.
function copier(text, what) {
  const button = h('button', {
    class: 'quiet square', 'aria-label': `Copy ${what}`, title: `Copy ${what}`,
    async onclick() {
      await copy(text, what);
      button.replaceChildren(icon('done'));
      setTimeout(() => button.replaceChildren(icon('copy')), 1500);
    },
  }, icon('copy'));
  return button;
}

// A digest, short, with a button that copies the whole.
function digestText(digest) {
  if (!digest) return h('span', {class: 'faint'}, '–');
  return h('span', {class: 'pair'}, h('code', {title: digest}, shortDigest(digest)), copier(digest, 'the digest'));
}
