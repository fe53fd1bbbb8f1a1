/** Why a job failed, in plain words: the lines that say so, and what would likely help. Pure. */

import type { Job, Machine, Reason } from '../api/types.js';
import { plainText } from '../shared/ansi.js';

export interface Line {
  n: number;
  text: string;
}

const TITLES: Record<Reason, string> = {
  exited: 'The command failed',
  out_of_memory: 'It ran out of memory',
  timed_out: 'It ran longer than its timeout',
  image_pull_failed: 'The image could not be pulled',
  workspace_failed: 'The workspace could not be prepared',
  unschedulable: 'No machine can ever take it',
  preempted: 'The machine was taken back',
  node_lost: 'The machine it ran on is gone',
  platform_error: 'The platform failed, not the job',
  cancelled_by_user: 'It was stopped',
  over_budget: 'The budget is used up',
};

export function failureTitle(reason: Reason | null): string {
  return reason === null ? 'It failed' : TITLES[reason];
}

const TRACEBACK = 'Traceback (most recent call last):';
const COMPLAINT =
  /\b(error|exception|fatal|failed|failure|killed|denied|not found|no such file|cannot|panic|abort(ed)?|segmentation fault|oom)\b/i;

/** The last lines that matter: the last traceback to its end, else from the last complaint on, else the last ones. */
export function tellingLines(lines: readonly Line[], most = 12): Line[] {
  const plain = lines.map((line) => ({ n: line.n, text: plainText(line.text).trimEnd() }));
  while (plain.length > 0 && plain[plain.length - 1]?.text === '') plain.pop();
  const traceback = plain.findLastIndex((line) => line.text.startsWith(TRACEBACK));
  if (traceback >= 0) {
    const end = endOfTraceback(plain, traceback);
    return shortened(plain.slice(traceback, end + 1), most);
  }
  const complaint = plain.findLastIndex((line) => COMPLAINT.test(line.text));
  if (complaint >= 0 && plain.length - complaint <= most) {
    return plain.slice(Math.max(0, Math.min(complaint - 2, plain.length - 6)));
  }
  return plain.slice(-Math.min(most, 8));
}

/** The first line after the frames that is not indented is the exception itself. */
function endOfTraceback(lines: readonly Line[], start: number): number {
  for (let i = start + 1; i < lines.length; i += 1) {
    const text = lines[i]?.text ?? '';
    if (text !== '' && !/^\s/.test(text)) return i;
  }
  return lines.length - 1;
}

/** The first line and the last ones. */
function shortened(lines: Line[], most: number): Line[] {
  return lines.length <= most ? lines : [...lines.slice(0, 1), ...lines.slice(-(most - 1))];
}

interface Hint {
  pattern: RegExp;
  advice: (match: RegExpMatchArray) => string;
}

const HINTS: readonly Hint[] = [
  {
    pattern: /(?:CUDA|HIP) out of memory|CUBLAS_STATUS_ALLOC_FAILED/i,
    advice: () => 'The GPU’s memory is full: take smaller batches, or a GPU with more memory.',
  },
  {
    pattern: /ModuleNotFoundError: No module named ['"]([\w.]+)['"]/,
    advice: (match) =>
      `The image lacks the Python package “${match[1]?.split('.')[0] ?? ''}”. Choose an image that has it, or install it first: pip install … && your command.`,
  },
  {
    pattern: /FileNotFoundError: .*?['"]([^'"]+)['"]/,
    advice: (match) =>
      `“${match[1] ?? ''}” was not there. Only what is in the workspace, /storage, /datasets and /inputs exists in a job.`,
  },
  {
    pattern: /can't open file ['"]([^'"]+)['"]/,
    advice: (match) =>
      `“${match[1] ?? ''}” is not in the workspace. Submit from the directory that holds it.`,
  },
  {
    pattern: /PermissionError: .*?['"]([^'"]+)['"]|Read-only file system/,
    advice: () => 'It wrote where it may not. Write to /artifacts, /storage or the working directory.',
  },
  {
    pattern: /No space left on device/,
    advice: () => 'The disk is full. Write less to the working directory, or clear up /storage.',
  },
  {
    pattern: /Found no NVIDIA driver|CUDA is not available|no CUDA-capable device/i,
    advice: () => 'There is no GPU on this machine type. Choose one that has a GPU.',
  },
  {
    pattern: /Address already in use/i,
    advice: () => 'Two programs of the job listen on the same port.',
  },
  {
    pattern: /Name or service not known|Temporary failure in name resolution|Could not resolve host/i,
    advice: () => 'A name could not be resolved: check the address, and that the platform lets jobs out.',
  },
  {
    pattern: /^MemoryError\b/m,
    advice: () => 'It ran out of memory: take a larger machine type or smaller batches.',
  },
];

/** The likely fix, or null when nothing better is known than the job's own message. */
export function likelyFix(job: Pick<Job, 'reason' | 'exit_code'>, lines: readonly Line[]): string | null {
  switch (job.reason) {
    case 'out_of_memory':
      return 'Run it again on a machine type with more memory, or take smaller batches.';
    case 'timed_out':
      return 'Give it more time, or save checkpoints to /artifacts and go on from them.';
    case 'preempted':
    case 'node_lost':
    case 'platform_error':
      return 'Run it again: the cause lies outside the job. Checkpoints in /artifacts are still there.';
    case 'unschedulable':
      return 'Choose a smaller machine type.';
    default:
  }
  const text = lines.map((line) => plainText(line.text)).join('\n');
  for (const hint of HINTS) {
    const match = hint.pattern.exec(text);
    if (match) return hint.advice(match);
  }
  return job.exit_code === 127 ? 'Check the command’s spelling, and that the image has it.' : null;
}

/** The next larger machine type: more memory, no fewer GPUs, one that the platform could hold; the cheapest such. */
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
