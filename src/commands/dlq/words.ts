/** What the command says of dead letters. */

export interface Letter {
  readonly id: string;
  readonly reason: string;
  readonly detail: string | null;
  readonly source: {
    readonly path?: string;
    readonly topic?: string;
    readonly partition?: number;
    readonly offset?: number;
    readonly index?: number;
  };
  readonly received_at: string;
  readonly app_id: string | null;
  readonly event_id: string | null;
  readonly payload: string;
  readonly truncated: boolean;
  readonly state: string;
  readonly history?: readonly {
    readonly state: string;
    readonly at: string;
    readonly by: string | null;
    readonly event_id: string | null;
    readonly fix: readonly unknown[];
  }[];
}

export interface Outcome {
  readonly id: string;
  readonly status?: string;
  readonly code: string | null;
  readonly reason: string | null;
  readonly duplicate?: boolean;
  readonly payload?: string | null;
  readonly event?: string | null;
}

export function describeLetters(letters: readonly Letter[], more: boolean): string {
  if (letters.length === 0) return 'No dead letters.\n';
  const rows = letters.map(({ id, received_at, state, reason, app_id, detail }) => [
    id,
    received_at,
    state,
    reason,
    app_id ?? '-',
    detail ?? '',
  ]);
  const rest = more ? 'There are more: --limit, or narrow them by --reason.\n' : '';
  return table(['id', 'received', 'state', 'reason', 'app', 'detail'], rows) + rest;
}

export function describeGroups(groups: readonly Record<string, unknown>[]): string {
  if (groups.length === 0) return 'No dead letters.\n';
  const names = ['reason', 'count', 'open', 'replayed', 'discarded', 'first_seen', 'last_seen'];
  return table(
    names,
    groups.map((group) => names.map((name) => String(group[name]))),
  );
}

export function describeLetter(letter: Letter): string {
  const { source } = letter;
  const place =
    source.path ??
    `${source.topic}, partition ${source.partition}, offset ${source.offset}, event ${source.index}`;
  const facts = [
    ['id', letter.id],
    ['state', letter.state],
    ['reason', letter.reason],
    ['detail', letter.detail ?? ''],
    ['from', place],
    ['received', letter.received_at],
    ['app', letter.app_id ?? 'unknown'],
    ['event_id', letter.event_id ?? 'none'],
    ...(letter.history ?? [])
      .slice(1)
      .map(({ state, at, by, event_id, fix }) => [
        state,
        [
          `${at} by ${by ?? 'unknown'}`,
          event_id && `as ${event_id}`,
          fix.length > 0 && `with ${JSON.stringify(fix)}`,
        ]
          .filter(Boolean)
          .join(', '),
      ]),
  ];
  const cut = letter.truncated ? '\n(cut off)' : '';
  return `${facts.map(([name, value]) => `${name!.padEnd(10)} ${value}`).join('\n')}\n\n${pretty(letter.payload)}${cut}\n`;
}

export function describeOutcomes(outcomes: readonly Outcome[]): string {
  return outcomes
    .map(({ id, code, reason, duplicate, event }) => {
      if (code !== null) return `${id}  rejected  ${code}: ${reason}\n`;
      const note = duplicate ? ' (stored already)' : '';
      return `${id}  accepted${note}\n${event ? `${indent(pretty(event))}\n` : ''}`;
    })
    .join('');
}

/** What is no JSON stays as it is. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');

function table(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = names.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  return `${[names, ...rows].map(line).join('\n')}\n`;
}
