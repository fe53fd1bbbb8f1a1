/** Basic components: icons, status badges, links, buttons, dialogs, notices. */

import {
  type AnchorHTMLAttributes,
  type ButtonHTMLAttributes,
  type MouseEvent,
  type ReactElement,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
} from 'react';

import type { Job, Status } from '../api/types.js';
import { type Target, useNavigation } from './context.js';

const PATHS = {
  stop: 'M4.5 4.5h7v7h-7z',
  again: 'M12.8 6.5A5 5 0 1 0 13 9M13 3v3.5H9.5',
  trash: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5M6.8 7v3.8M9.2 7v3.8',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3 14 14',
  download: 'M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13h10',
  up: 'M4 10l4-4 4 4',
  down: 'M4 6l4 4 4-4',
  close: 'M4 4l8 8M12 4l-8 8',
  follow: 'M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M3.5 13.5h9',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.6',
  copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  check: 'M3.5 8.5l3 3 6-7',
  folder: 'M2.5 4h4l1.2 1.5h5.8v7h-11z',
  file: 'M4 2.5h5l3 3v8H4zM9 2.5v3h3',
  chart: 'M2.5 13.5v-11M2.5 13.5h11M5 10.5l2.5-3.5 2 2 3.5-5',
  log: 'M3 4h10M3 7h7M3 10h10M3 13h5',
  enlarge: 'M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5 9 7M2.5 13.5 7 9',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  open: 'M9 3h4v4M13 3 7.5 8.5M11 9.5V13H3V5h3.5',
  bolt: 'M9 2 4 9h3.5L7 14l5-7H8.5z',
} as const;

export type IconName = keyof typeof PATHS;

/** Decorative: the text or button label beside it carries the meaning. */
export function Icon({ name }: { name: IconName }): ReactElement {
  return (
    <svg className="or-icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon?: IconName;
  tone?: 'plain' | 'primary' | 'danger' | 'quiet';
  /** Shows only the icon; the label is for screen readers and the tooltip. */
  label?: string;
}

export function Button({
  icon,
  tone = 'plain',
  label,
  children,
  className = '',
  ...rest
}: ButtonProps): ReactElement {
  const classes = `or-button or-button-${tone} ${label === undefined ? '' : 'or-button-icon'} ${className}`;
  return (
    <button type="button" className={classes} aria-label={label} title={label} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  to: Target;
  replace?: boolean;
  children: ReactNode;
}

/** A link that navigates within the shell; modifier keys open it as usual in the browser. */
export function Link({ to, replace = false, children, onClick, ...rest }: LinkProps): ReactElement {
  const navigation = useNavigation();
  const follow = (event: MouseEvent<HTMLAnchorElement>): void => {
    onClick?.(event);
    const elsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0;
    if (event.defaultPrevented || elsewhere) return;
    event.preventDefault();
    navigation.go(to, { replace });
  };
  return (
    <a href={navigation.href(to)} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

const STATUS_WORDS: Record<Status, string> = {
  pending: 'Waiting',
  provisioning: 'Starting',
  running: 'Running',
  stopping: 'Stopping',
  succeeded: 'Succeeded',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

export function StatusBadge({ status }: { status: Status }): ReactElement {
  return (
    <span className={`or-status or-status-${status}`}>
      <span className="or-status-dot" aria-hidden="true" />
      {STATUS_WORDS[status]}
    </span>
  );
}

export function ProgressBar({ job }: { job: Pick<Job, 'progress' | 'status'> }): ReactElement | null {
  const { progress } = job;
  if (progress === null) return null;
  const { done, total, text } = progress;
  const counted = typeof total !== 'number' ? String(done) : `${String(done)} / ${String(total)}`;
  const words = text ? `${counted} ${text}` : counted;
  return (
    <span className="or-progress" title={words}>
      {typeof total === 'number' && total > 0 && (
        <progress max={total} value={Math.min(done, total)} aria-label={`Progress: ${words}`} />
      )}
      <span className="or-progress-text">{counted}</span>
    </span>
  );
}

interface ConfirmProps {
  title: string;
  action: string;
  tone?: 'primary' | 'danger';
  children: ReactNode;
  onConfirm: () => void;
  onClose: () => void;
}

/** A confirmation dialog. Escape and the first button cancel. */
export function Confirm({
  title,
  action,
  tone = 'danger',
  children,
  onConfirm,
  onClose,
}: ConfirmProps): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} className="or-dialog" aria-labelledby={heading} onClose={onClose}>
      <h2 id={heading}>{title}</h2>
      <div className="or-dialog-text">{children}</div>
      <div className="or-dialog-buttons">
        <Button onClick={() => dialog.current?.close()}>Cancel</Button>
        <Button
          tone={tone}
          onClick={() => {
            onConfirm();
            dialog.current?.close();
          }}
        >
          {action}
        </Button>
      </div>
    </dialog>
  );
}

export function CopyButton({ text, what }: { text: string; what: string }): ReactElement {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => {
      setCopied(false);
    }, 1500);
    return () => {
      clearTimeout(timer);
    };
  }, [copied]);
  const copy = (): void => {
    // Pages loaded over plain HTTP from another host have no clipboard API.
    void (navigator.clipboard as Clipboard | undefined)?.writeText(text).then(() => {
      setCopied(true);
    });
  };
  return (
    <Button
      tone="quiet"
      icon={copied ? 'check' : 'copy'}
      label={copied ? `Copied ${what}` : `Copy ${what}`}
      onClick={copy}
      className="or-copy"
    />
  );
}

export function Problem({ children, onRetry }: { children: ReactNode; onRetry?: () => void }): ReactElement {
  return (
    <div className="or-problem" role="alert">
      <span>{children}</span>
      {onRetry && (
        <Button icon="again" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactElement {
  return (
    <div className="or-empty">
      <p className="or-empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Command({ text }: { text: string }): ReactElement {
  return (
    <div className="or-command">
      {/* Focusable, so that the keyboard can scroll it. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} role="region" aria-label="Command">
        {text}
      </pre>
      <CopyButton text={text} what="command" />
    </div>
  );
}

export function Loading(): ReactElement {
  return (
    <div className="or-loading" role="status">
      Loading …
    </div>
  );
}
