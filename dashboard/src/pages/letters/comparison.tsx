import { type ComparedLine, compareLines, prettyJson } from '../../format/json.ts';
import { Scroller } from '../../ui/scroller.tsx';

/** What was sent, and what would be sent now, line by line; changed lines carry a sign. */
export function Comparison({
  before,
  after,
  stale,
}: {
  before: string;
  after: string | null;
  stale: boolean;
}) {
  const sent = prettyJson(before);
  if (after === null || after.trim() === before.trim()) {
    return (
      <div class="comparison comparison-one">
        <Side
          title="As it was sent"
          lines={sent.split('\n').map((text) => ({ text, changed: false }))}
          sign=""
        />
      </div>
    );
  }
  const lines = compareLines(sent, prettyJson(after));
  return (
    <div class={stale ? 'comparison fresh dimmed' : 'comparison fresh'}>
      <Side title="As it was sent" lines={lines.before} sign="−" />
      <Side title="After the fix" lines={lines.after} sign="+" />
    </div>
  );
}

function Side({ title, lines, sign }: { title: string; lines: readonly ComparedLine[]; sign: string }) {
  return (
    <div class="side">
      <h3>{title}</h3>
      <Scroller label={title} class="payload">
        <pre>
          {lines.map(({ text, changed }, at) => (
            <span key={at} class={changed ? (sign === '+' ? 'line line-new' : 'line line-old') : 'line'}>
              <i aria-hidden="true">{changed ? sign : ' '}</i>
              {changed && <span class="sr-only">{sign === '+' ? 'added: ' : 'removed: '}</span>}
              {text}
              {'\n'}
            </span>
          ))}
        </pre>
      </Scroller>
    </div>
  );
}
