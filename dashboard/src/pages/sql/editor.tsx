import { Icon } from '../../ui/icon.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Popover } from '../../ui/popover.tsx';
import { EXAMPLES } from './statement.ts';
import type { useConsole } from './use-console.ts';

const LINES_MIN = 6;
const LINES_MAX = 18;

/** The statement, its parameters, and what there is to begin with. */
export function Editor({ desk }: { desk: ReturnType<typeof useConsole> }) {
  const { text, setText, busy, run, cancel } = desk;
  function onKey(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void run();
  }
  const lines = Math.min(Math.max(text.split('\n').length + 1, LINES_MIN), LINES_MAX);
  return (
    <Panel
      title="Statement"
      tools={
        <>
          <Statements desk={desk} />
          {busy === 'asking' ? (
            <button type="button" class="button button-small" onClick={cancel}>
              <Icon name="close" size={14} /> Cancel
            </button>
          ) : (
            <button
              type="button"
              class="button button-primary button-small"
              disabled={text.trim() === ''}
              onClick={() => void run()}
            >
              <Icon name="play" size={14} /> Run <kbd class="kbd-on-accent">Ctrl ↵</kbd>
            </button>
          )}
        </>
      }
    >
      <textarea
        class="sql-text"
        aria-label="SQL statement"
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        rows={lines}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKey}
      />
      {desk.parameters.length > 0 && (
        <form
          class="sql-parameters"
          onSubmit={(event) => {
            event.preventDefault();
            void run();
          }}
        >
          {desk.parameters.map(({ name, type }) => (
            <label key={name}>
              <span>
                {name} <span class="muted">{type}</span>
              </span>
              <input
                class="input"
                value={desk.values[name] ?? ''}
                onInput={(event) => desk.setValue(name, event.currentTarget.value)}
              />
            </label>
          ))}
          {/* Enter in a field runs the statement only where the form has something to press. */}
          <button type="submit" class="sr-only" tabIndex={-1}>
            Run
          </button>
        </form>
      )}
    </Panel>
  );
}

function Statements({ desk }: { desk: ReturnType<typeof useConsole> }) {
  return (
    <Popover label="Examples and history" button="Statements" buttonClass="button button-small" align="end">
      {(close) => {
        const take = (statement: string) => () => {
          desk.setText(statement);
          close();
        };
        return (
          <div role="menu" class="menu sql-statements" aria-label="Statements">
            <p class="menu-title muted">Examples</p>
            {EXAMPLES.map(({ title, statement }) => (
              <button key={title} type="button" role="menuitem" class="menu-item" onClick={take(statement)}>
                {title}
              </button>
            ))}
            {desk.history.length > 0 && <p class="menu-title muted">Ran before</p>}
            {desk.history.map((statement) => (
              <button
                key={statement}
                type="button"
                role="menuitem"
                class="menu-item sql-before"
                title={statement}
                onClick={take(statement)}
              >
                {statement.replace(/\s+/g, ' ')}
              </button>
            ))}
            <a class="menu-item" role="menuitem" href="/docs#post-query">
              Tables and limits
            </a>
          </div>
        );
      }}
    </Popover>
  );
}
