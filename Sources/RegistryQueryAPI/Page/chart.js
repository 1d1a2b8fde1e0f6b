// A webapp's versions and builds over time.

const HOUR = 3600e3;
const DAY = 24 * HOUR;
const SPANS = [['1 h', HOUR], ['1 day', DAY], ['1 week', 7 * DAY], ['1 month', 30 * DAY], ['1 year', 365 * DAY], ['all', Infinity]];
// Reproducible builds give their images times such as 1970 and 1980; nothing is older than Docker.
const FIRST_IMAGE = Date.UTC(2013);
const TIME_STEPS = [1 / 60, 1 / 12, 1 / 4, 1 / 2, 1, 3, 6, 12, 24, 48, 168, 336, 720, 2184, 4380, 8760, 17520].map((hours) => hours * HOUR);
const DURATION_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

// The shortest span that most of it fits in, for one old version must not squeeze a busy week into one point.
function usualSpan(times, now) {
  const enough = Math.ceil(times.length * 0.6);
  return SPANS.findIndex(([, length]) => times.filter((time) => now - time <= length).length >= enough);
}

function timeTicks(from, to, most) {
  const step = TIME_STEPS.find((length) => (to - from) / length <= most) ?? TIME_STEPS.at(-1);
  // Days begin at midnight where the reader is.
  const zone = new Date(to).getTimezoneOffset() * 60e3;
  const ticks = [];
  for (let time = Math.ceil((from - zone) / step) * step + zone; time <= to; time += step) ticks.push(time);
  return {ticks, step};
}

function timeLabel(time, step) {
  const options = step < DAY ? {hour: '2-digit', minute: '2-digit'}
    : step < 300 * DAY && step < 28 * DAY ? {day: 'numeric', month: 'short'} : {month: 'short', year: 'numeric'};
  return new Date(time).toLocaleString('en-GB', options);
}

// The chart: versions in a lane at the top, below them each build by how long it took. What it shows is also in a table,
// so to screen readers and the keyboard it is one picture with a sentence.
class Chart {
  constructor(open) {
    this.open = open;
    this.span = null;
    this.readout = h('p', {class: 'readout', 'aria-hidden': 'true'});
    this.spans = h('div', {class: 'spans', role: 'group', 'aria-label': 'Time shown'}, SPANS.map(([name], index) =>
      h('button', {'aria-pressed': 'false', onclick: () => this.choose(index)}, name)));
    this.picture = h('div', {class: 'picture'});
    this.summary = h('figcaption', {class: 'hidden'});
    this.rows = h('tbody');
    this.element = h('figure', {class: 'chart'},
      h('div', {class: 'charttools'}, this.spans, this.readout),
      this.picture,
      h('ul', {class: 'legend', 'aria-hidden': 'true'}, [['version', 'version'], ['succeeded', 'build, succeeded'], ['failed', 'failed'],
        ['cancelled', 'cancelled']].map(([kind, text]) =>
        h('li', {}, svg('svg', {viewBox: '-7 -7 14 14', width: 14, height: 14}, this.symbol(kind, 0, 0)), text))),
      this.summary,
      h('details', {}, h('summary', {}, 'The same as a table'),
        h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Versions and builds as a table'},
          h('table', {},
            h('thead', {}, h('tr', {}, ['When', 'What', 'Version', 'Took'].map((text) => h('th', {scope: 'col'}, text)))),
            this.rows))));
    new ResizeObserver(() => this.draw()).observe(this.picture);
  }

  // @param history the document; @param usual seconds or null
  update(history, usual) {
    this.history = history;
    this.usual = usual;
    const versions = history.versions.filter((version) => Date.parse(version.createdAt) > FIRST_IMAGE)
      .map((version) => ({kind: 'version', tag: version.tag, time: Date.parse(version.createdAt)}));
    const ended = history.builds.map((build) => ({
      kind: build.status, tag: build.tag, id: build.id, seconds: build.durationSeconds, time: Date.parse(build.finishedAt ?? build.createdAt),
    }));
    this.points = [...versions, ...ended].sort((a, b) => b.time - a.time);
    this.rows.replaceChildren(...this.points.map((point) => h('tr', {},
      h('td', {}, dateText(point.time)), h('td', {}, point.kind === 'version' ? 'version' : `build ${point.kind}`),
      h('td', {}, point.id ? h('a', {href: `#/builds/${point.id}`}, point.tag) : point.tag),
      h('td', {}, point.kind === 'version' ? '' : duration(point.seconds)))));
    const failures = ended.filter((point) => point.kind === 'failed').length;
    say(this.summary, `${plural(versions.length, 'version')} and ${plural(ended.length, 'build')} of ${history.webapp}, ${failures} of them failed`
      + `${usual ? `; a build usually takes ${duration(usual)}` : ''}. The table below has them all.`);
    this.draw();
  }

  choose(index) {
    this.span = index;
    this.draw();
  }

  // A mark for a kind of point; kinds differ in shape, not in colour only.
  symbol(kind, x, y) {
    const place = {transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, class: `mark ${kind}`};
    if (kind === 'version') return svg('path', {...place, d: 'M0-5 5 0 0 5-5 0z'});
    if (kind === 'failed') return svg('path', {...place, d: 'M-4-4 4 4M4-4-4 4'});
    return svg('circle', {...place, r: 4.5});
  }

  draw() {
    const width = this.picture.clientWidth;
    if (!this.points || !width) return;
    const now = clock.now();
    const span = this.span ?? Math.max(0, usualSpan(this.points.map((point) => point.time), now));
    [...this.spans.children].forEach((button, index) => button.setAttribute('aria-pressed', String(index === span)));
    const oldest = this.points.at(-1)?.time ?? now - DAY;
    const from = SPANS[span][1] === Infinity ? oldest - (now - oldest) * 0.03 - HOUR : now - SPANS[span][1];
    const frame = {width, height: 230, left: 58, right: width - 14, top: 52, bottom: 204};
    const shown = this.points.filter((point) => point.time >= from);
    const longest = Math.max(10, this.usual ?? 0, ...shown.map((point) => point.seconds ?? 0)) * 1.12;
    const x = (time) => frame.left + 8 + ((time - from) / (now - from)) * (frame.right - frame.left - 16);
    const y = (seconds) => frame.bottom - ((seconds ?? 0) / longest) * (frame.bottom - frame.top);
    for (const point of shown) {
      point.x = x(point.time);
      point.y = point.kind === 'version' ? 30 : y(point.seconds);
    }
    const drawing = svg('svg', {
      width, height: frame.height, viewBox: `0 0 ${width} ${frame.height}`, 'aria-hidden': 'true', focusable: 'false',
      onpointermove: (event) => this.point(event, shown), onpointerleave: () => this.point(null, shown),
      onclick: (event) => { const point = this.nearest(event, shown); if (point?.id) this.open(point.id); },
    }, this.grid(frame, from, now, longest, x, y), this.lines(shown, frame, y, longest), this.labels(shown, frame),
    shown.toReversed().map((point) => this.symbol(point.kind, point.x, point.y)));
    this.ring = svg('circle', {class: 'ring', r: 8, visibility: 'hidden'});
    drawing.append(this.ring);
    this.picture.replaceChildren(drawing);
    this.rest = shown.length ? `${plural(shown.length, 'point')} shown` : 'Nothing in this time';
    say(this.readout, this.rest);
  }

  grid(frame, from, now, longest, x, y) {
    const parts = [];
    const step = DURATION_STEPS.find((seconds) => longest / seconds <= 4) ?? Math.ceil(longest / 14400) * 3600;
    for (let seconds = 0; seconds <= longest; seconds += step) {
      parts.push(svg('line', {class: seconds ? 'rule' : 'axis', x1: frame.left, x2: frame.right, y1: y(seconds), y2: y(seconds)}));
      parts.push(svg('text', {x: frame.left - 8, y: y(seconds) + 4, 'text-anchor': 'end'},
        seconds && seconds % 60 === 0 && seconds < 3600 ? `${seconds / 60}${NARROW}min` : seconds ? duration(seconds) : '0'));
    }
    const {ticks, step: timeStep} = timeTicks(from, now, Math.max(2, Math.floor((frame.right - frame.left) / 84)));
    for (const time of ticks) {
      parts.push(svg('line', {class: 'axis', x1: x(time), x2: x(time), y1: frame.bottom, y2: frame.bottom + 4}));
      parts.push(svg('text', {x: x(time), y: frame.bottom + 18, 'text-anchor': 'middle'}, timeLabel(time, timeStep)));
    }
    return parts;
  }

  // The usual duration, and a line from each version down to the build that made it.
  lines(shown, frame, y, longest) {
    const parts = [];
    if (this.usual && this.usual < longest) {
      parts.push(svg('line', {class: 'usual', x1: frame.left, x2: frame.right, y1: y(this.usual), y2: y(this.usual)}));
      parts.push(svg('text', {class: 'usual', x: frame.left + 6, y: y(this.usual) - 5}, `usually ${duration(this.usual)}`));
    }
    const made = new Map(shown.filter((point) => point.kind === 'succeeded').map((point) => [point.tag, point]));
    for (const version of shown.filter((point) => point.kind === 'version' && made.has(point.tag))) {
      const from = made.get(version.tag);
      if (Math.abs(from.x - version.x) > 40) continue;
      parts.push(svg('path', {class: 'stem', d: `M${version.x} ${version.y + 6}L${from.x} ${from.y - 5}`}));
    }
    return parts;
  }

  // Names of versions where there is room, the newest first.
  labels(shown, frame) {
    const parts = [];
    let free = frame.right + 14;
    for (const point of shown.filter((each) => each.kind === 'version')) {
      const half = point.tag.length * 3.6 + 4;
      const middle = Math.min(point.x, frame.right + 10 - half);
      if (middle + half > free || middle - half < frame.left - 50) continue;
      free = middle - half;
      parts.push(svg('text', {class: 'name', x: middle, y: 16, 'text-anchor': 'middle'}, point.tag));
    }
    return parts;
  }

  nearest(event, shown) {
    const box = this.picture.getBoundingClientRect();
    const distance = (point) => Math.hypot(point.x - (event.clientX - box.left), point.y - (event.clientY - box.top));
    const best = shown.reduce((near, other) => (!near || distance(other) < distance(near) ? other : near), null);
    return best && distance(best) < 40 ? best : null;
  }

  // Tells of the point that the pointer is at.
  point(event, shown) {
    const point = event && this.nearest(event, shown);
    this.ring.setAttribute('visibility', point ? 'visible' : 'hidden');
    this.picture.classList.toggle('hit', Boolean(point?.id));
    if (!point) return say(this.readout, this.rest);
    this.ring.setAttribute('cx', point.x);
    this.ring.setAttribute('cy', point.y);
    const took = point.kind === 'version' ? 'version' : `${point.kind} after ${duration(point.seconds)}`;
    say(this.readout, `${point.tag} · ${took} · ${dateText(point.time)}`);
  }
}
