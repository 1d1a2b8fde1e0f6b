// A log as a terminal shows it: lines, and what has which colour.

// How many lines are kept; of longer logs the newest.
const MOST_LINES = 100_000;
// How much of one line is shown.
const LONGEST_LINE = 8192;
// How many lines are shown, and let go of, at a time.
const CHUNK = 200;

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
