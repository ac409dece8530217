import { useContext, useState } from 'preact/hooks';
import { ApiError } from '../../data/api.ts';
import { Dialog } from '../../shell/dialog.tsx';
import { useNewReader } from '../../state/reader.ts';
import { ServicesContext } from '../../state/services.ts';
import { Icon } from '../../ui/icon.tsx';
import { type Draft, faultOf, videoOf } from './draft.ts';

interface Props {
  before: Draft;
  onSaved(id: string): void;
  onClose(): void;
}

/** One video, as a form. It is replaced as a whole, so that every field is here. */
export function VideoDialog({ before, onSaved, onClose }: Props) {
  const { api } = useContext(ServicesContext);
  const [draft, setDraft] = useState(before);
  const [said, setSaid] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  useNewReader(() => setSaid(null));
  const title = before.isNew ? 'New video' : 'Edit the video';

  async function save(): Promise<void> {
    const fault = faultOf(draft);
    setSaid(fault);
    if (fault !== null || busy) return;
    setBusy(true);
    const video = videoOf(draft);
    try {
      await api.send('/v1/videos', [video], { method: 'PUT' });
      onSaved(video.video_id);
    } catch (cause) {
      setSaid(cause instanceof ApiError ? cause.message : String(cause));
      setBusy(false);
    }
  }

  return (
    <Dialog label={title} class="dialog-video" onClose={onClose}>
      <header class="dialog-head">
        <h2>{title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <form
        class="video-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Fields draft={draft} onChange={(part) => setDraft({ ...draft, ...part })} />
        <div class="funnel-actions">
          <span class="verdict-bad" role="alert">
            {said}
          </span>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button button-primary" aria-disabled={busy}>
            {busy ? 'Saving…' : 'Save'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

type Text = Exclude<keyof Draft, 'live' | 'isNew'>;

const FIELDS: readonly { name: Text; label: string; hint?: string; wide?: boolean; isNumber?: boolean }[] = [
  { name: 'id', label: 'Id', hint: 'as events name it', wide: true },
  { name: 'title', label: 'Title', wide: true },
  { name: 'seconds', label: 'Duration, seconds', isNumber: true },
  { name: 'published', label: 'Published', hint: '2026-01-31' },
  { name: 'series', label: 'Series', wide: true },
  { name: 'season', label: 'Season', isNumber: true },
  { name: 'episode', label: 'Episode', isNumber: true },
];

function Fields({ draft, onChange }: { draft: Draft; onChange(part: Partial<Draft>): void }) {
  return (
    <div class="video-fields">
      {FIELDS.map(({ name, label, hint, wide, isNumber }) => (
        <label key={name} class={wide ? 'video-wide' : ''}>
          <span class="muted">{label}</span>
          <input
            class="input"
            value={draft[name]}
            placeholder={hint}
            inputMode={isNumber ? 'decimal' : 'text'}
            disabled={name === 'id' && !draft.isNew}
            onInput={(event) => onChange({ [name]: event.currentTarget.value })}
          />
        </label>
      ))}
      <label class="video-wide">
        <span class="muted">Tags, one a line</span>
        <textarea
          class="input"
          rows={3}
          value={draft.tags}
          onInput={(event) => onChange({ tags: event.currentTarget.value })}
        />
      </label>
      <label class="check video-wide">
        <input
          type="checkbox"
          checked={draft.live}
          onChange={(event) => onChange({ live: event.currentTarget.checked })}
        />
        It is a live stream
      </label>
    </div>
  );
}
