/** The kinds of settings, and short ways to declare one. */

interface Common {
  /** Names in the environment; the first is ours, the others are read when it is absent. */
  readonly env: readonly string[];
  readonly doc: string;
}

export interface NumberSetting extends Common {
  readonly kind: 'number';
  readonly unit: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** Names whose value is in another unit: multiply by this. */
  readonly scaled?: Readonly<Record<string, number>>;
}

export interface TextSetting extends Common {
  readonly kind: 'text';
  readonly default: string;
  readonly secret?: true;
}

export interface ChoiceSetting extends Common {
  readonly kind: 'choice';
  readonly choices: readonly string[];
  readonly default: string;
}

export interface ListSetting extends Common {
  readonly kind: 'list';
  readonly default: readonly string[];
  readonly choices?: readonly string[];
}

export interface FlagSetting extends Common {
  readonly kind: 'flag';
  readonly default: boolean;
}

export type Setting = NumberSetting | TextSetting | ChoiceSetting | ListSetting | FlagSetting;

export const number = (
  env: string | readonly string[],
  unit: string,
  fallback: number,
  min: number,
  max: number,
  doc: string,
  scaled?: Readonly<Record<string, number>>,
): NumberSetting => ({
  kind: 'number',
  env: [env].flat(),
  unit,
  default: fallback,
  min,
  max,
  doc,
  ...(scaled ? { scaled } : {}),
});
export const text = (env: string | readonly string[], fallback: string, doc: string): TextSetting => ({
  kind: 'text',
  env: [env].flat(),
  default: fallback,
  doc,
});
export const secret = (env: string | readonly string[], doc: string): TextSetting => ({
  ...text(env, '', doc),
  secret: true,
});
export const list = (env: string | readonly string[], doc: string): ListSetting => ({
  kind: 'list',
  env: [env].flat(),
  default: [],
  doc,
});
