import { useEffect, useState } from 'preact/hooks';

interface Props {
  label: string;
  /** What counts; the field may hold something else while it is typed. */
  value: string;
  /** What an empty field means. */
  placeholder: string;
  /** To choose from; others can be typed. */
  options: readonly string[];
  onPick(value: string): void;
}

/** A name, typed or chosen; it counts once it is entered or chosen, not while it is typed. */
export function NamedInput({ label, value, placeholder, options, onPick }: Props) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const id = `names-${label.toLowerCase().replace(/\W+/g, '-')}`;
  return (
    <label class="report-param">
      <span class="muted">{label}</span>
      <input
        class="input input-small"
        list={id}
        placeholder={placeholder}
        spellcheck={false}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onChange={() => onPick(text.trim())}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onPick(text.trim());
        }}
      />
      <datalist id={id}>
        {options.map((option) => (
          <option key={option} value={option} />
        ))}
      </datalist>
    </label>
  );
}
