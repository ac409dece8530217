import type { ComponentChildren } from 'preact';
import { useContext, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { type ChartInput, chartCsv, chartRows } from '../chart/chart-data.ts';
import { chartPng } from '../chart/save-png.ts';
import { TimeChart } from '../chart/time-chart.tsx';
import { fileName, saveFile } from '../format/csv.ts';
import { spellRange } from '../state/range.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon } from './icon.tsx';
import { Popover } from './popover.tsx';
import { Scroller } from './scroller.tsx';

interface Props {
  input: ChartInput;
  height: number;
  /** What the picture says under its title: the range and the zone. */
  subtitle: string;
  heading?: ComponentChildren;
  tools?: ComponentChildren;
  note?: ComponentChildren;
  onZoom?: (from: number, to: number) => void;
}

const TABLE_ROWS_MAX = 500;

/** Sets the page's range to a stretch that was dragged over. */
export function useZoom(): (from: number, to: number) => void {
  const { location } = useContext(ServicesContext);
  return (from, to) => {
    const span = spellRange(new Date(from), new Date(Math.max(to, from + 300_000)));
    location.change({ range: null, ...span });
  };
}

/** A chart with its legend, and the same figures as a table, a CSV file or a picture. */
export function ChartView({ input, height, subtitle, heading, tools, note, onZoom }: Props) {
  const [asTable, setAsTable] = useState(false);
  const plot = useRef<uPlot | null>(null);

  async function savePng(): Promise<void> {
    if (plot.current === null) return;
    const picture = await chartPng(plot.current, input, subtitle);
    if (picture !== null) saveFile(fileName(`${input.title} ${subtitle}`, 'png'), picture);
  }

  return (
    <div class="chart-view">
      <div class="chart-head">
        <div class="chart-heading">{heading}</div>
        <Legend input={input} />
        <div class="panel-tools">
          {tools}
          <ViewMenu
            asTable={asTable}
            onTable={() => setAsTable(!asTable)}
            onCsv={() =>
              saveFile(
                fileName(`${input.title} ${subtitle}`, 'csv'),
                new Blob([chartCsv(input)], { type: 'text/csv' }),
              )
            }
            onPng={() => void savePng()}
          />
        </div>
      </div>
      {asTable ? (
        <ChartTable input={input} height={height} />
      ) : (
        <TimeChart
          input={input}
          height={height}
          plotRef={plot}
          {...(onZoom === undefined ? {} : { onZoom })}
        />
      )}
      {note !== undefined && <p class="panel-note">{note}</p>}
    </div>
  );
}

function Legend({ input }: { input: ChartInput }) {
  if (input.series.length < 2) return null;
  return (
    <ul class="legend" aria-label="Lines">
      {[...input.series]
        .sort((a, b) => Number(a.isPast ?? false) - Number(b.isPast ?? false))
        .map((series) => (
          <li key={series.label}>
            <i
              class={series.isPast ? 'key key-past' : 'key'}
              style={{ '--key': `var(${series.isPast ? '--past' : series.color})` }}
            />
            {series.label}
          </li>
        ))}
    </ul>
  );
}

interface ViewMenuProps {
  asTable: boolean;
  onTable: () => void;
  onCsv: () => void;
  onPng: () => void;
}

function ViewMenu({ asTable, onTable, onCsv, onPng }: ViewMenuProps) {
  return (
    <Popover label="Table, CSV, PNG" button={<Icon name="more" />} buttonClass="icon-button" align="end">
      {(close) => {
        const run = (action: () => void) => () => {
          action();
          close();
        };
        return (
          <div role="menu" class="menu" aria-label="This chart">
            <button type="button" role="menuitem" class="menu-item" onClick={run(onTable)}>
              <Icon name={asTable ? 'overview' : 'table'} /> {asTable ? 'Show as chart' : 'Show as table'}
            </button>
            <button type="button" role="menuitem" class="menu-item" onClick={run(onCsv)}>
              <Icon name="download" /> Save as CSV
            </button>
            {!asTable && (
              <button type="button" role="menuitem" class="menu-item" onClick={run(onPng)}>
                <Icon name="download" /> Save as PNG
              </button>
            )}
          </div>
        );
      }}
    </Popover>
  );
}

function ChartTable({ input, height }: { input: ChartInput; height: number }) {
  const rows = useMemo(() => chartRows(input).reverse(), [input]);
  return (
    <Scroller class="table-scroll" height={height} label={`${input.title} as a table`}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Time</th>
            {input.series.map((series) => (
              <th scope="col" class="num" key={series.label}>
                {series.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, TABLE_ROWS_MAX).map((row) => (
            <tr key={row.time}>
              <th scope="row">
                {row.name}
                {row.isOpen && <span class="muted"> · still filling</span>}
              </th>
              {row.values.map((value, index) => (
                <td
                  class="num"
                  key={input.series[index]!.label}
                  title={value === null ? 'no data' : String(value)}
                >
                  {value === null ? '–' : input.short(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > TABLE_ROWS_MAX && (
        <p class="panel-note">
          The latest {TABLE_ROWS_MAX} of {rows.length} rows; the CSV file has them all.
        </p>
      )}
    </Scroller>
  );
}
