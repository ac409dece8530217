import { useContext, useState } from 'preact/hooks';
import { usePage } from '../state/page.ts';
import { describeSpan, PRESET_LABELS, PRESETS, type Preset, type Range, spellDay } from '../state/range.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon } from '../ui/icon.tsx';
import { Choices, Popover } from '../ui/popover.tsx';

/** Presets, days of one's own, and the comparison with the period before. */
export function RangePicker() {
  const { location } = useContext(ServicesContext);
  const { range, compare } = usePage();
  return (
    <Popover
      label={`Time range: ${range.label}`}
      align="end"
      buttonClass="button range-button"
      button={
        <>
          <Icon name="calendar" />
          <span class="range-long">{range.label}</span>
          <span class="range-short">{range.shortLabel}</span>
          {compare && <span class="range-compare">vs before</span>}
          <Icon name="chevron" size={14} />
        </>
      }
    >
      {(close) => (
        <div class="range-sheet">
          <Choices<Preset | 'custom'>
            label="Time range"
            value={range.preset}
            options={PRESETS.map((preset) => ({
              value: preset,
              label: PRESET_LABELS[preset].long,
              hint: PRESET_LABELS[preset].key,
            }))}
            onChoose={(preset) => {
              location.change({ range: preset, from: null, to: null });
              close();
            }}
          />
          <CustomDays
            range={range}
            onApply={(from, to) => {
              location.change({ range: null, from, to });
              close();
            }}
          />
          <label class="check">
            <input
              type="checkbox"
              checked={compare}
              onChange={() => location.change({ compare: compare ? null : '1' }, 'replace')}
            />
            <span>
              Draw the period before
              <br />
              <span class="muted">{describeSpan(range.previous.from, range.previous.to)}</span>
            </span>
          </label>
        </div>
      )}
    </Popover>
  );
}

function CustomDays({ range, onApply }: { range: Range; onApply: (from: string, to: string) => void }) {
  const [from, setFrom] = useState(spellDay(range.from));
  const [to, setTo] = useState(spellDay(new Date(range.to.getTime() - 1)));
  const today = spellDay(new Date());
  const isValid = from !== '' && to !== '' && from <= to;
  return (
    <form
      class="custom-days"
      onSubmit={(event) => {
        event.preventDefault();
        if (isValid) onApply(from, to);
      }}
    >
      <label>
        <span>From</span>
        <input
          class="input"
          type="date"
          value={from}
          max={today}
          onInput={(event) => setFrom(event.currentTarget.value)}
        />
      </label>
      <label>
        <span>To, included</span>
        <input
          class="input"
          type="date"
          value={to}
          max={today}
          onInput={(event) => setTo(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button button-primary" disabled={!isValid}>
        Show these days
      </button>
      {!isValid && <p class="small muted">The first day comes after the last.</p>}
    </form>
  );
}
