import { useContext, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError } from '../../data/api.ts';
import { fullNumber } from '../../format/number.ts';
import { useNewReader } from '../../state/reader.ts';
import { ServicesContext } from '../../state/services.ts';
import { Icon } from '../../ui/icon.tsx';
import { Panel } from '../../ui/panel.tsx';
import { type LineFault, readGiven } from './given.ts';

const VIDEOS_MAX = 10_000;
const FAULTS_SHOWN = 20;
const EXAMPLE = '{"video_id": "river", "title": "The River", "duration_seconds": 1320, "tags": ["nature"]}';

interface Props {
  onSaved(count: number): void;
  onClose(): void;
}

/** Many videos at once, pasted or dropped: all of them are saved, or none. */
export function ManyVideos({ onSaved, onClose }: Props) {
  const { api } = useContext(ServicesContext);
  const [text, setText] = useState('');
  const [refused, setRefused] = useState<{ said: string; faults: LineFault[] } | null>(null);
  const [busy, setBusy] = useState(false);
  useNewReader(() => setRefused(null));
  const given = useMemo(() => readGiven(text), [text]);
  const count = given.videos.length;
  const faults = refused?.faults ?? given.faults;
  const whyNot =
    count > VIDEOS_MAX
      ? `These are ${fullNumber(count)} videos; at most ${fullNumber(VIDEOS_MAX)} are taken at once.`
      : null;

  function change(next: string): void {
    setText(next);
    setRefused(null);
  }

  async function save(): Promise<void> {
    setBusy(true);
    setRefused(null);
    try {
      const { upserted } = await api.send<{ upserted: number }>('/v1/videos', given.videos, {
        method: 'PUT',
      });
      onSaved(upserted);
    } catch (cause) {
      const error = cause instanceof ApiError ? cause : null;
      const found = (error?.faults ?? []).map(({ index, detail }) => ({
        line: given.lines[index] ?? index + 1,
        detail,
      }));
      setRefused({ said: error?.message ?? String(cause), faults: found });
      setBusy(false);
    }
  }

  const ready = count > 0 && given.faults.length === 0 && whyNot === null && !busy;
  return (
    <Panel title="Add or replace many" class="panel-many">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) void save();
        }}
      >
        <Source text={text} onText={change} />
        {refused !== null && refused.faults.length === 0 && (
          <p class="verdict-bad" role="alert">
            {refused.said}
          </p>
        )}
        <Faults faults={faults} isCut={refused !== null} />
        <div class="funnel-actions">
          <span class={whyNot === null ? 'muted' : 'verdict-bad'} aria-live="polite">
            {whyNot ?? countWords(count, given.faults.length)}
          </span>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button button-primary" disabled={!ready}>
            {busy
              ? 'Saving…'
              : `Save ${count === 0 ? 'them' : count === 1 ? 'one video' : `${fullNumber(count)} videos`}`}
          </button>
        </div>
      </form>
    </Panel>
  );
}

function countWords(count: number, faults: number): string {
  if (faults > 0) return 'Nothing is saved before all lines are right.';
  return count === 0 ? '' : 'Each replaces the video of its id as a whole.';
}

function Source({ text, onText }: { text: string; onText(text: string): void }) {
  const file = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const [name, setName] = useState<string | null>(null);
  async function take(files: FileList | null | undefined): Promise<void> {
    const first = files?.[0];
    if (first === undefined) return;
    setName(first.name);
    onText(await first.text());
  }
  return (
    <div class="drop">
      <textarea
        class={isOver ? 'input drop-over' : 'input'}
        aria-label="Videos as JSON or NDJSON"
        rows={8}
        spellcheck={false}
        placeholder={EXAMPLE}
        value={text}
        onInput={(event) => {
          setName(null);
          onText(event.currentTarget.value);
        }}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          setOver(false);
          // Text that is dropped goes where it falls, as in every field.
          if ((event.dataTransfer?.files.length ?? 0) === 0) return;
          event.preventDefault();
          void take(event.dataTransfer?.files);
        }}
      />
      <p class="small muted">
        <button type="button" class="button button-small" onClick={() => file.current?.click()}>
          <Icon name="reports" size={14} /> Pick a file
        </button>{' '}
        {name ?? 'or drop one here, or paste: an array, or one video a line (NDJSON)'}
      </p>
      <input
        ref={file}
        type="file"
        hidden
        aria-label="File of videos"
        accept=".json,.ndjson,.jsonl,application/json,text/plain"
        onChange={(event) => {
          void take(event.currentTarget.files);
          // The same file can be picked again after it was mended.
          event.currentTarget.value = '';
        }}
      />
    </div>
  );
}

function Faults({ faults, isCut }: { faults: readonly LineFault[]; isCut: boolean }) {
  if (faults.length === 0) return null;
  const more = faults.length - FAULTS_SHOWN;
  return (
    <div role="alert">
      <ol class="line-faults" aria-label="What is wrong, by line">
        {faults.slice(0, FAULTS_SHOWN).map(({ line, detail }) => (
          <li key={`${line} ${detail}`}>
            <b>Line {line}</b> <span>{detail}</span>
          </li>
        ))}
      </ol>
      {more > 0 && <p class="small muted">and {fullNumber(more)} more lines</p>}
      {isCut && faults.length >= FAULTS_SHOWN && (
        <p class="small muted">The first {FAULTS_SHOWN}; there may be more.</p>
      )}
    </div>
  );
}
