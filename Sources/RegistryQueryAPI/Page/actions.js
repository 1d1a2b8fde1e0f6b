// Starting, cancelling and retrying: buttons for those whose token allows it, and the dialogs behind them.

// Opens a dialog; it is gone when it is closed, and focus goes back where it was.
function openDialog(title, ...content) {
  const focused = document.activeElement;
  const dialog = h('dialog', {
    'aria-labelledby': 'dialog-title',
    onclose() {
      dialog.remove();
      if (focused?.isConnected) focused.focus();
    },
    // A click beside it closes it.
    onclick(event) { if (event.target === dialog) dialog.close(); },
  }, h('div', {class: 'dialog'}, h('h2', {id: 'dialog-title'}, title), content));
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

const closing = (text) => h('button', {onclick: (event) => event.currentTarget.closest('dialog').close()}, text);

// Says what did not work.
function inform(message) {
  openDialog('That did not work', h('p', {role: 'alert'}, sentence(message)), h('div', {class: 'buttons'}, closing('Close')));
}

// A form's send button and its error: disabled while something is under way.
function submission(form, button, action) {
  const error = h('p', {class: 'bad', role: 'alert', hidden: true});
  // "Not now" is too late once it is sent.
  const disable = (isBusy) => { for (const each of form.querySelectorAll('button')) each.disabled = isBusy; };
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    disable(true);
    form.setAttribute('aria-busy', 'true');
    show(error, false);
    try {
      await action();
    } catch (problem) {
      show(error, true);
      say(error, sentence(problem.message));
      if (!form.isConnected) announce(error.textContent);
    }
    disable(false);
    form.removeAttribute('aria-busy');
  });
  return error;
}

// Shows a build that was started, where whoever has started it still waits for it.
function goToBuild(build, waits) {
  builds.started.add(build.id);
  // The feed may have told of it already, and more than this answer.
  if (builds.known?.get(build.id)?.createdAt !== build.createdAt) builds.put(build);
  if (waits) location.hash = `#/builds/${build.id}`;
  else announce(`Build of ${build.webapp} ${build.tag} started`);
}

// ---- Start

// A button that starts a build: of a webapp, or of one that is still to be named.
function startButton(webapp) {
  const button = h('button', {
    class: webapp ? 'start' : 'quiet', onclick: () => startDialog(webapp),
    'aria-label': webapp && `Build ${webapp} …`,
  }, webapp ? [icon('start'), 'Build'] : 'Build another …');
  button.update = () => show(button, session.can('build'));
  button.update();
  return button;
}

function choice(value, label, detail, checked) {
  const radio = h('input', {type: 'radio', name: 'bump', value, checked});
  return h('label', {class: 'choice'}, radio, h('span', {}, label), detail);
}

function startDialog(webapp) {
  const name = webapp ? null : h('input', {
    name: 'webapp', required: true, pattern: '[a-z0-9]([\\-a-z0-9]{0,61}[a-z0-9])?', ...PLAIN,
    title: 'letters a to z, digits and hyphens, as in its folder',
  });
  const version = h('input', {
    name: 'version', 'aria-label': 'Exact version', placeholder: 'such as v2.0.0', ...PLAIN,
    oninput: () => { form.elements.bump.value = 'version'; },
  });
  const ref = h('input', {name: 'ref', placeholder: 'the default branch', ...PLAIN});
  const nexts = {};
  const bumps = ['patch', 'minor', 'major'].map((bump) => {
    nexts[bump] = h('code');
    return choice(bump, bump.charAt(0).toUpperCase() + bump.slice(1), nexts[bump], bump === 'patch');
  });
  const send = h('button', {class: 'primary', type: 'submit'}, 'Start the build');
  const form = h('form', {},
    name && h('label', {class: 'field'}, 'Webapp', name),
    h('fieldset', {}, h('legend', {}, 'Version'), bumps, choice('version', 'Exactly', version)),
    h('label', {class: 'field'}, 'Branch, tag or commit', ref));
  // The same key for each try: a build whose answer got lost is not started twice.
  const key = newKey();
  const error = submission(form, send, async () => {
    const body = startRequest(webapp ?? name.value.trim(), form.elements.bump.value, version.value.trim(), ref.value.trim());
    const build = await ask('builds', {method: 'POST', body, headers: {'Idempotency-Key': `"${key}-${shortHash(body)}"`}});
    const waits = dialog.open;
    dialog.close();
    goToBuild(build, waits);
  });
  form.append(error, h('div', {class: 'buttons'}, closing('Not now'), send));
  const dialog = openDialog(webapp ? `Build ${webapp}` : 'Build a webapp', form);
  (name ?? form.elements.bump[0]).focus();
  if (webapp) fillNexts(webapp, nexts);
}

// A number of what is asked for, so that a changed request has another key.
function shortHash(body) {
  return [...JSON.stringify(body)].reduce((hash, character) => (hash * 31 + character.codePointAt(0)) >>> 0, 7);
}

async function fillNexts(webapp, nexts) {
  const fill = (data) => Object.entries(nexts).forEach(([bump, code]) => say(code, data?.next?.[bump] ?? ''));
  fill(webapps.detail(webapp).data);
  try { fill(await ask(`webapps/${webapp}`)); } catch { /* the service chooses the version, not this page */ }
}

function startRequest(webapp, bump, version, ref) {
  const request = {webapp};
  if (bump === 'version') {
    if (!version) throw new Problem(0, 'missing', 'write the version that is to be built, such as v2.0.0');
    request.version = version;
  } else {
    request.bump = bump;
  }
  if (ref) request.git = /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref) ? {commit: ref} : {ref};
  return request;
}

// ---- Cancel and retry

// A button for a build that has not ended.
function cancelButton(current) {
  const button = h('button', {class: 'cancel', onclick: () => cancelDialog(current())}, 'Cancel');
  button.update = (build) => {
    show(button, !build.done && session.can('build'));
    button.setAttribute('aria-label', `Cancel ${build.webapp} ${build.tag} …`);
  };
  return button;
}

function cancelDialog(build) {
  const send = h('button', {class: 'danger', type: 'submit'}, 'Cancel the build');
  const form = h('form', {}, h('p', {}, `${build.tag} becomes free again once nothing of the build can push any more.`));
  const error = submission(form, send, async () => {
    await ask(`builds/${build.id}`, {method: 'DELETE'});
    dialog.close();
  });
  form.append(error, h('div', {class: 'buttons'}, closing('Let it build'), send));
  const dialog = openDialog(`Cancel ${build.webapp} ${build.tag}?`, form);
}

// A button for a build that failed or was cancelled.
function retryButton(current) {
  let key = newKey();
  const button = h('button', {
    class: 'primary',
    async onclick() {
      button.disabled = true;
      try {
        const build = await ask(`builds/${current().id}/retry`, {method: 'POST', headers: {'Idempotency-Key': `"${key}"`}});
        key = newKey();
        goToBuild(build, button.isConnected);
      } catch (error) {
        if (button.isConnected) inform(error.message);
        else announce(sentence(error.message));
      }
      button.disabled = false;
    },
  }, 'Retry');
  button.update = (build) => show(button, session.can('build') && (build.status === 'failed' || build.status === 'cancelled'));
  return button;
}

// ---- Signing in

// What is shown to those whom the service does not know.
function signIn(problem, done) {
  const field = h('input', {
    type: 'password', id: 'token', required: true, ...PLAIN,
    'aria-describedby': 'token-note',
  });
  const send = h('button', {class: 'primary', type: 'submit'}, 'Sign in');
  const form = h('form', {class: 'signin'},
    h('h1', {tabindex: -1}, 'A token, please'),
    h('p', {id: 'token-note'}, 'This service asks for a token of its list. It is kept in this tab only, until you close the tab or sign out.'),
    h('label', {class: 'field', for: 'token'}, 'Token'), field);
  const error = submission(form, send, async () => {
    const token = field.value.trim();
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Problem(0, 'token', 'a token has visible characters only, and no blanks');
    let caller;
    try {
      caller = await ask('caller', {token});
    } catch (refusal) {
      field.select();
      if (refusal.status === 401) throw new Problem(401, refusal.code, 'this token is not valid here; look at the service’s list of tokens (API_TOKENS_FILE)');
      if (refusal.status === 429) {
        const wait = refusal.retryAfter ? `; try again in ${duration(refusal.retryAfter)}` : '';
        throw new Problem(429, refusal.code, `too many wrong tokens came from this address${wait}`);
      }
      throw refusal;
    }
    session.keep(token);
    session.caller = caller;
    field.value = '';
    done();
  });
  form.append(error, h('div', {class: 'buttons'}, send));
  if (session.token && problem.status === 401) {
    show(error, true);
    say(error, 'The token of this tab is no longer valid.');
  } else if (problem.status !== 401) {
    show(error, true);
    say(error, sentence(problem.message));
  }
  return {title: 'Sign in', element: form, update() {}, close() {}, focus: () => field.focus()};
}
