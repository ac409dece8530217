import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

interface Props {
  /** What the button says to those who cannot see it. */
  label: string;
  button: ComponentChildren;
  buttonClass?: string;
  align?: 'start' | 'end';
  children: (close: () => void) => ComponentChildren;
}

const REACHABLE = '[role^="menuitem"], button, input, a[href]';

function moveFocus(panel: HTMLElement, event: KeyboardEvent): void {
  if (event.target instanceof HTMLInputElement) return;
  const items = [...panel.querySelectorAll<HTMLElement>(REACHABLE)];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const targets: Record<string, number> = {
    ArrowDown: (at + 1) % items.length,
    ArrowUp: (at - 1 + items.length) % items.length,
    Home: 0,
    End: items.length - 1,
  };
  const target = targets[event.key];
  if (target === undefined) return;
  event.preventDefault();
  items[target]?.focus();
}

/** A button with a sheet below it. Escape and a click elsewhere close it; focus goes back to the button. */
export function Popover({ label, button, buttonClass = 'button', align = 'start', children }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const panel = useRef<HTMLDivElement>(null);

  function close(): void {
    setOpen(false);
    root.current?.querySelector('button')?.focus();
  }

  // Before the sheet is seen: a key that comes with it would be heard by nobody.
  useLayoutEffect(() => {
    if (!open) return;
    const chosen = panel.current?.querySelector<HTMLElement>('[aria-checked="true"]');
    (chosen ?? panel.current?.querySelector<HTMLElement>(REACHABLE))?.focus();
    const outside = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const element = root.current;
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') {
        event.stopPropagation();
        close();
      } else if (panel.current !== null) moveFocus(panel.current, event);
    };
    document.addEventListener('pointerdown', outside);
    element?.addEventListener('keydown', onKey);
    return () => {
      document.removeEventListener('pointerdown', outside);
      element?.removeEventListener('keydown', onKey);
    };
  }, [open]);

  return (
    <div class="popover-root" ref={root}>
      <button
        type="button"
        class={buttonClass}
        aria-label={label}
        title={label}
        aria-haspopup="true"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {button}
      </button>
      {open && (
        <div class={`popover popover-${align}`} ref={panel}>
          {children(close)}
        </div>
      )}
    </div>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string; hint?: string }[];
  onChoose: (value: T) => void;
}

/** One of several, in a menu. */
export function Choices<T extends string>({ label, value, options, onChoose }: ChoiceProps<T>) {
  return (
    <div role="menu" aria-label={label} class="menu">
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          role="menuitemradio"
          aria-checked={option.value === value}
          class="menu-item"
          onClick={() => onChoose(option.value)}
        >
          <span class="menu-label">{option.label}</span>
          {option.hint !== undefined && <kbd>{option.hint}</kbd>}
        </button>
      ))}
    </div>
  );
}
