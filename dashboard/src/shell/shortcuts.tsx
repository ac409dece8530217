import { ROUTES } from '../pages/routes.ts';
import { PRESET_LABELS, PRESETS } from '../state/range.ts';
import { Icon } from '../ui/icon.tsx';
import { Dialog } from './dialog.tsx';

const GENERAL: readonly [string, string][] = [
  ['/', 'Search'],
  ['Ctrl K', 'Search'],
  ['r', 'Refresh'],
  ['c', 'Compare with the period before'],
  ['t', 'Light or dark'],
  ['?', 'These keys'],
];

function Group({ title, rows }: { title: string; rows: readonly [string, string][] }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl class="keys">
        {rows.map(([key, label]) => (
          <div key={key}>
            <dt>
              {key.split(' ').map((part) => (
                <kbd key={part}>{part}</kbd>
              ))}
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog label="Keys" onClose={onClose}>
      <header class="dialog-head">
        <h2>Keys</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div class="keys-grid">
        <Group title="Everywhere" rows={GENERAL} />
        <Group title="Go to" rows={ROUTES.map((route) => [`g ${route.key}`, route.label])} />
        <Group
          title="Range"
          rows={PRESETS.map((preset) => [`Shift ${PRESET_LABELS[preset].key}`, PRESET_LABELS[preset].long])}
        />
        <Group
          title="On a chart"
          rows={[
            ['← →', 'Read point by point'],
            ['Home End', 'First and last point'],
            ['Drag', 'Zoom into a stretch'],
          ]}
        />
      </div>
    </Dialog>
  );
}
