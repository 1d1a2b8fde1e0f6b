// The frame: connection, caller, and which view the address asks for. This file comes last.

const main = one('#main');
let view = null;
let address = null;

// ---- Connection and caller

const stateText = h('span');
const tryNow = h('button', {class: 'quiet', onclick: () => feed.hurry()}, 'Try now');
one('#state').append(h('span', {class: 'dot', 'aria-hidden': 'true'}), stateText, tryNow);

// Says in the header how fresh the page is.
function sayState() {
  const {state, heardAt, trouble} = feed;
  const element = one('#state');
  show(element, session.caller !== null);
  const since = trouble?.since ?? heardAt;
  const asOf = since ? `, as of ${clockText(since)}` : '';
  const isOffline = state === 'offline' || (state !== 'live' && !navigator.onLine);
  element.dataset.state = isOffline ? 'offline' : trouble ? 'trouble' : state;
  say(stateText, isOffline ? `Offline${asOf}` : trouble ? `Builder silent${asOf}`
    : state === 'live' ? 'Live' : capital(state) + asOf);
  show(tryNow, isOffline);
  main.classList.toggle('stale', state !== 'live' || Boolean(trouble));
  const notice = one('#notice');
  const text = trouble ? `The builder cannot be asked: ${trouble.message}`
    : isOffline ? `What is shown is old: ${feed.reason ?? 'this machine is offline'}. It is tried again by itself.` : '';
  show(notice, text !== '' && session.caller !== null);
  say(notice, text && sentence(text));
}

// Who is signed in. Where the service has no tokens, nobody is.
function sayCaller() {
  const {caller, token} = session;
  const right = caller && !session.can('build') && h('span', {class: 'badge'}, 'read only');
  one('#who').replaceChildren(...[
    caller?.name && h('span', {class: 'callername'}, caller.name), right,
    caller && token && h('button', {class: 'quiet', onclick: signOut}, 'Sign out'),
  ].filter(Boolean));
}

function signOut() {
  session.keep(null);
  lock(new Problem(401, 'unauthorized', ''));
}

// Shows nothing any more but the question for a token.
function lock(problem) {
  feed.stop();
  feed.heardAt = feed.trouble = null;
  session.round += 1;
  session.caller = null;
  builds.known = null;
  webapps.forget();
  clock.stoppedAt = null;
  sayState();
  sayCaller();
  change(signIn(problem, begin));
  address = null;
  view.focus();
}

session.refused = (problem) => { if (session.caller) lock(problem); };

// ---- Views

const ROUTES = [
  [/^#?\/?$/, () => overview()],
  [/^#\/webapps\/([a-z0-9-]{1,63})$/, (name) => webappView(name)],
  [/^#\/builds\/([a-z0-9-]{1,63})(?:\/L(\d{1,9}))?$/, (id, line) => buildView(id, line && Number(line))],
];

function route() {
  if (!session.caller) return;
  const {hash} = location;
  // Another line of the same log is no other view.
  const place = hash.replace(/\/L\d+$/, '');
  const line = /\/L(\d+)$/.exec(hash)?.[1];
  if (place === address) {
    if (line) view.go?.(Number(line));
    return;
  }
  const isFirst = address === null;
  address = place;
  const found = ROUTES.map(([pattern, make]) => [pattern.exec(hash), make]).find(([match]) => match);
  change(found ? found[1](...found[0].slice(1)) : {
    title: 'Not found', update() {}, close() {},
    element: h('div', {}, unseen('Not found'),
      blank('There is no such page', `Nothing is at ${hash}.`, h('a', {class: 'button', href: '#/'}, 'To the webapps'))),
  });
  // Whoever came by a link is told where he is; whoever loads the page begins at its top.
  if (!isFirst) one('h1', main)?.focus({preventScroll: true});
  if (!line) scrollTo(0, 0);
}

function change(next) {
  // What they ask about is gone.
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  view?.close();
  view = next;
  main.replaceChildren(view.element);
  main.removeAttribute('aria-busy');
  refresh();
}

// Shows the same place from the beginning.
function reopen() {
  address = null;
  route();
}

function refresh() {
  if (!view) return;
  view.update();
  const running = builds.list((build) => build.status === 'running').length;
  const title = [view.title, 'registry-query'].filter(Boolean).join(' · ');
  document.title = running ? `(${running}) ${title}` : title;
}

// Goes on once it is known who calls.
function begin() {
  sayCaller();
  feed.start();
  webapps.load();
  route();
}

async function start() {
  main.setAttribute('aria-busy', 'true');
  main.replaceChildren(unseen('Loading'), ...skeleton(1, 'box'), ...skeleton(5, 'line'));
  for (let failures = 0; ; failures += 1) {
    try {
      session.caller = await ask('caller');
      return begin();
    } catch (error) {
      if ([401, 403, 429].includes(error.status)) {
        lock(error);
        // The word for a token that is refused belongs to one that was given.
        if (error.status === 401) session.keep(null);
        return;
      }
      await unreachable(error, failures);
    }
  }
}

// Shows that the service cannot be asked, and returns when it is to be tried again.
function unreachable(error, failures) {
  const pause = Math.min(30_000, 1000 * 2 ** failures) * (0.5 + Math.random());
  return new Promise((resolve) => {
    main.removeAttribute('aria-busy');
    main.replaceChildren(unseen('No connection'), failure('The service cannot be asked', error, resolve));
    setTimeout(resolve, pause);
  });
}

// ---- What happens

feed.listeners.add(sayState);
feed.listeners.add(refresh);
builds.listeners.add(refresh);
webapps.listeners.add(() => {
  // Many answers come at once.
  if (refresh.pending) return;
  refresh.pending = true;
  setTimeout(() => { refresh.pending = false; refresh(); }, 60);
});
addEventListener('hashchange', route);
// The address says which view is shown, so the link cannot go there in its own way.
one('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
setInterval(() => {
  if (document.hidden || feed.state !== 'live') return;
  view?.refresh?.();
  if (session.caller && Date.now() - (webapps.loadedAt ?? 0) > (webapps.error ? 60_000 : 300_000)) webapps.load();
}, 10_000);
document.addEventListener('keydown', (event) => {
  const isTyping = event.target.closest('input, textarea, select, dialog');
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = one('input[type="search"]', main);
  if (!field || field.hidden) return;
  event.preventDefault();
  field.focus();
});

start();
