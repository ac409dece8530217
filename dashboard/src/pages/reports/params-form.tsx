import type { ReportParam } from '../../data/types.ts';
import { columnLabel } from './table.ts';

/** Those that the top bar has. */
const COMMON = ['app_id', 'from', 'to', 'timezone', 'bots'];

export function ownParams(properties: Record<string, ReportParam>): [string, ReportParam][] {
  return Object.entries(properties).filter(([name]) => !COMMON.includes(name));
}

/** What the address says of a parameter, as the service takes it; undefined where it says nothing. */
export function readParam(param: ReportParam, text: string | null): unknown {
  if (text === null || text === '') return undefined;
  if (param.type === 'boolean') return text === 'true';
  if (param.type === 'integer' || param.type === 'number') return Number(text);
  if (param.type === 'array')
    return text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean);
  return text;
}

interface Props {
  params: readonly (readonly [string, ReportParam])[];
  textOf(name: string): string | null;
  onChange(name: string, value: string | null): void;
}

/** The parameters of a report. What is changed is asked at once, but for text, which waits for Enter. */
export function ParamsForm({ params, textOf, onChange }: Props) {
  return (
    <div class="report-params">
      {params.map(([name, param]) => (
        <div key={name} class="report-param" title={param.description}>
          <label class="muted" for={`param-${name}`}>
            {columnLabel(name)}
          </label>
          <Control name={name} param={param} value={textOf(name)} onChange={onChange} />
        </div>
      ))}
    </div>
  );
}

interface ControlProps {
  name: string;
  param: ReportParam;
  value: string | null;
  onChange: Props['onChange'];
}

function Control({ name, param, value, onChange }: ControlProps) {
  const id = `param-${name}`;
  const standard = param.default === undefined ? '' : String(param.default);
  const set = (text: string) => onChange(name, text === '' || text === standard ? null : text);
  if (param.enum !== undefined) {
    return (
      <select
        id={id}
        class="input input-small"
        value={value ?? standard}
        onChange={(event) => set(event.currentTarget.value)}
      >
        {param.enum.map((one) => (
          <option key={one} value={one}>
            {columnLabel(one)}
          </option>
        ))}
      </select>
    );
  }
  if (param.type === 'boolean') {
    return (
      <input
        id={id}
        type="checkbox"
        checked={(value ?? standard) === 'true'}
        onChange={(event) => set(String(event.currentTarget.checked))}
      />
    );
  }
  const shared = {
    id,
    class: 'input input-small',
    placeholder: standard === '' ? 'any' : standard,
    value: value ?? '',
    onChange: (event: { currentTarget: HTMLInputElement }) => set(event.currentTarget.value.trim()),
  };
  const isNumber = param.type === 'integer' || param.type === 'number';
  if (isNumber) return <input type="number" min={param.minimum} max={param.maximum} {...shared} />;
  return <input {...shared} />;
}
