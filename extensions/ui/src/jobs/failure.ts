/**
 * What the failure card shows beside the service's message: the log lines that matter, and suggestions for errors that
 * only the log reveals. Why the job ended, the service says. Pure.
 */

import type { Machine } from '../api/types.js';
import { plainText } from '../shared/ansi.js';

export interface NumberedLine {
  n: number;
  text: string;
}

const LONGEST_TITLE = 100;

/**
 * The service's message about how a job ended, as a title and what follows it. The title is the first sentence, unless
 * that is too long for one: then it is "Job failed", and the whole message follows.
 */
export function headline(message: string | null): { title: string; detail: string } {
  const whole = message?.trim() ?? '';
  const [, first = '', rest = ''] = /^(.+?[.!?])(?:\s+([\s\S]*))?$/.exec(whole) ?? ['', whole];
  if (first === '' || first.length > LONGEST_TITLE) return { title: 'Job failed', detail: whole };
  return { title: first.replace(/\.$/, ''), detail: rest };
}

const TRACEBACK = 'Traceback (most recent call last):';
const ERROR =
  /\b(error|exception|fatal|failed|failure|killed|denied|not found|no such file|cannot|panic|abort(ed)?|segmentation fault|oom)\b/i;

/** The last traceback, else the last lines around an error, else the end of the log; at most `most` lines. */
export function relevantLines(lines: readonly NumberedLine[], most = 12): NumberedLine[] {
  const plain = lines.map((line) => ({ n: line.n, text: plainText(line.text).trimEnd() }));
  while (plain.length > 0 && plain[plain.length - 1]?.text === '') plain.pop();
  const traceback = plain.findLastIndex((line) => line.text.startsWith(TRACEBACK));
  if (traceback >= 0) {
    const end = endOfTraceback(plain, traceback);
    return shortened(plain.slice(traceback, end + 1), most);
  }
  const error = plain.findLastIndex((line) => ERROR.test(line.text));
  if (error >= 0 && plain.length - error <= most) {
    return plain.slice(Math.max(0, Math.min(error - 2, plain.length - 6)));
  }
  return plain.slice(-Math.min(most, 8));
}

/** A traceback ends with the exception: the first line after the frames that is not indented. */
function endOfTraceback(lines: readonly NumberedLine[], start: number): number {
  for (let i = start + 1; i < lines.length; i += 1) {
    const text = lines[i]?.text ?? '';
    if (text !== '' && !/^\s/.test(text)) return i;
  }
  return lines.length - 1;
}

/** Keeps the first line and the last ones: the header of a traceback and its exception. */
function shortened(lines: NumberedLine[], most: number): NumberedLine[] {
  return lines.length <= most ? lines : [...lines.slice(0, 1), ...lines.slice(-(most - 1))];
}

interface Hint {
  pattern: RegExp;
  advice: (match: RegExpMatchArray) => string;
}

const HINTS: readonly Hint[] = [
  {
    pattern: /(?:CUDA|HIP) out of memory|CUBLAS_STATUS_ALLOC_FAILED/i,
    advice: () => 'The GPU ran out of memory. Use smaller batches or a GPU with more memory.',
  },
  {
    pattern: /ModuleNotFoundError: No module named ['"]([\w.]+)['"]/,
    advice: (match) =>
      `The image does not have the Python package “${match[1]?.split('.')[0] ?? ''}”. Use an image that includes it, or install it first: pip install … && your command.`,
  },
  {
    pattern: /FileNotFoundError: .*?['"]([^'"]+)['"]/,
    advice: (match) =>
      `“${match[1] ?? ''}” does not exist. Jobs can access only the workspace, /storage, /datasets and /inputs.`,
  },
  {
    pattern: /can't open file ['"]([^'"]+)['"]/,
    advice: (match) =>
      `“${match[1] ?? ''}” is not in the workspace. Submit the job from the directory that contains it.`,
  },
  {
    pattern: /PermissionError: .*?['"]([^'"]+)['"]|Read-only file system/,
    advice: () =>
      'The job tried to write to a read-only location. Write to /artifacts, /storage or the working directory.',
  },
  {
    pattern: /No space left on device/,
    advice: () => 'The disk is full. Write less to the working directory, or free space in /storage.',
  },
  {
    pattern: /Found no NVIDIA driver|CUDA is not available|no CUDA-capable device/i,
    advice: () => 'This machine type has no GPU. Choose one with a GPU.',
  },
  {
    pattern: /Address already in use/i,
    advice: () => 'Two processes in the job use the same port.',
  },
  {
    pattern: /Name or service not known|Temporary failure in name resolution|Could not resolve host/i,
    advice: () =>
      'DNS lookup failed. Check the host name, and whether the platform allows outgoing connections.',
  },
  {
    pattern: /^MemoryError\b/m,
    advice: () => 'Out of memory. Use a larger machine type or smaller batches.',
  },
];

/** A suggestion based on known errors in the log, or null when there is none. */
export function suggestion(lines: readonly NumberedLine[]): string | null {
  const text = lines.map((line) => plainText(line.text)).join('\n');
  for (const hint of HINTS) {
    const match = hint.pattern.exec(text);
    if (match) return hint.advice(match);
  }
  return null;
}

/** The smallest machine type with more memory and at least as many GPUs that fits on the platform, or null. */
export function largerMachine(machines: readonly Machine[], current: string): Machine | null {
  const now = machines.find((machine) => machine.name === current);
  if (now === undefined) return null;
  const larger = machines.filter(
    (machine) =>
      machine.cluster === now.cluster &&
      machine.memory_mb > now.memory_mb &&
      machine.gpu >= now.gpu &&
      (now.gpu > 0 || machine.gpu === 0) &&
      machine.total !== 0,
  );
  larger.sort((a, b) => a.memory_mb - b.memory_mb || a.price_per_hour - b.price_per_hour);
  return larger[0] ?? null;
}
