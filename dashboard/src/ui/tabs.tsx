interface Props {
  labels: readonly string[];
  picked: number;
  onPick(index: number): void;
}

/** The title of a panel that shows one of several lists. */
export function Tabs({ labels, picked, onPick }: Props) {
  return (
    <div class="tabs" role="tablist" aria-label="What to list">
      {labels.map((label, index) => (
        <button
          key={label}
          type="button"
          role="tab"
          aria-selected={index === picked}
          class="tab"
          onClick={() => onPick(index)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
