/** The scrolling part of the log: draws only the visible lines, in an element as tall as browsers allow. */

import {
  type CSSProperties,
  type KeyboardEvent,
  memo,
  type ReactElement,
  useEffect,
  useLayoutEffect,
  useRef,
} from 'react';

import {
  type Geometry,
  largestTop,
  offsetOf,
  revealing,
  scale,
  scrollHeight,
  scrollOf,
  topOf,
  visible,
} from './logWindow.js';
import type { LogStore } from './logStore.js';
import { LogLineRow } from './LogLines.js';

interface Props {
  store: LogStore;
  geometry: Geometry;
  top: number;
  onMove: (top: number) => void;
  onViewport: (height: number) => void;
  times: boolean;
  attempts: boolean;
  nodes: boolean;
  needle: string;
  found: number | undefined;
  chosen: number | undefined;
  onChoose: (n: number | undefined) => void;
}

export function LogScroller(props: Props): ReactElement {
  const { store, geometry, top, onMove, onViewport, chosen, onChoose } = props;
  const box = useRef<HTMLDivElement>(null);
  // The scroll position that we set ourselves: the event it causes is not user scrolling.
  const own = useRef(0);
  const latest = useRef({ geometry, top, onMove });
  useEffect(() => {
    latest.current = { geometry, top, onMove };
  });

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const watch = new ResizeObserver(() => {
      onViewport(element.clientHeight);
    });
    watch.observe(element);
    return () => {
      watch.disconnect();
    };
  }, [onViewport]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const wanted = scrollOf(geometry, top);
    if (Math.abs(element.scrollTop - wanted) < 1) return;
    element.scrollTop = wanted;
    own.current = element.scrollTop;
  });

  const [first, last] = visible(geometry, top);
  useEffect(() => {
    if (last >= first) store.want(first, last);
  }, [store, first, last, store.version]);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    // Where the scroll bar is scaled down, the wheel must still move by lines rather than pages.
    const onWheel = (event: WheelEvent): void => {
      const now = latest.current;
      if (event.ctrlKey || event.deltaY === 0 || scale(now.geometry) === 1) return;
      event.preventDefault();
      const unit =
        event.deltaMode === 1 ? now.geometry.lineHeight : event.deltaMode === 2 ? now.geometry.viewport : 1;
      now.onMove(Math.min(Math.max(0, now.top + event.deltaY * unit), largestTop(now.geometry)));
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      element.removeEventListener('wheel', onWheel);
    };
  }, []);

  const onScroll = (): void => {
    const element = box.current;
    if (element === null || Math.abs(element.scrollTop - own.current) < 1) return;
    own.current = element.scrollTop;
    onMove(topOf(geometry, element.scrollTop));
  };

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const { lineHeight, viewport, lines } = geometry;
    const page = Math.max(lineHeight, viewport - 2 * lineHeight);
    const to: Record<string, number> = {
      ArrowDown: top + lineHeight,
      ArrowUp: top - lineHeight,
      PageDown: top + page,
      PageUp: top - page,
      ' ': event.shiftKey ? top - page : top + page,
      Home: 0,
      End: largestTop(geometry),
    };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'j' || event.key === 'k') {
      // As in a pager: select the next or previous line.
      const step = event.key === 'j' ? 1 : -1;
      const start = chosen ?? Math.floor(top / lineHeight) + (step > 0 ? 0 : 2);
      const n = Math.min(lines, Math.max(1, start + step));
      onMove(revealing(geometry, top, n));
      onChoose(n);
    } else if (event.key === 'Escape' && chosen !== undefined) {
      onChoose(undefined);
    } else {
      const wanted = to[event.key];
      if (wanted === undefined) return;
      onMove(Math.min(Math.max(0, wanted), largestTop(geometry)));
    }
    event.preventDefault();
  };

  return (
    // Focusable for keyboard scrolling. Not role "log": screen readers would announce every new line.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      ref={box}
      className="or-log-box"
      role="region"
      aria-label={`Log, ${String(geometry.lines)} lines. Arrow keys scroll, J and K select a line.`}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      onScroll={onScroll}
      onKeyDown={onKeyDown}
    >
      <div className="or-log-length" style={{ height: scrollHeight(geometry), ...digits(geometry.lines) }}>
        <div
          className="or-log-lines"
          style={{
            transform: `translateY(${String(scrollOf(geometry, top) + offsetOf(geometry, top, first))}px)`,
          }}
        >
          <Lines {...props} first={first} last={last} version={store.version} />
        </div>
      </div>
    </div>
  );
}

/** Gives all line numbers the width of the longest. */
function digits(lines: number): CSSProperties {
  return { '--or-digits': Math.max(4, String(lines).length) } as CSSProperties;
}

type LinesProps = Props & { first: number; last: number; version: number };

const Lines = memo(
  function Lines({
    store,
    first,
    last,
    times,
    attempts,
    nodes,
    needle,
    found,
    chosen,
    onChoose,
  }: LinesProps): ReactElement {
    const rows = [];
    for (let n = first; n <= last; n += 1) {
      rows.push(
        <LogLineRow
          key={n}
          n={n}
          line={store.line(n)}
          times={times}
          attempts={attempts}
          nodes={nodes}
          needle={needle}
          found={n === found}
          chosen={n === chosen}
          onChoose={onChoose}
        />,
      );
    }
    return <>{rows}</>;
  },
  // Excludes the scroll position, so that scrolling by pixels does not render lines again.
  (a, b) =>
    a.store === b.store &&
    a.first === b.first &&
    a.last === b.last &&
    a.version === b.version &&
    a.times === b.times &&
    a.attempts === b.attempts &&
    a.nodes === b.nodes &&
    a.needle === b.needle &&
    a.found === b.found &&
    a.chosen === b.chosen &&
    a.onChoose === b.onChoose,
);
