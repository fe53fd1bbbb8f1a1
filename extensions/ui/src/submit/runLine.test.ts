import { expect, test } from 'vitest';

import { EMPTY, submissionOfDraft } from './draft.js';
import { runLine } from './runLine.js';

test('a shell parses the command line into the same arguments', () => {
  const draft = {
    ...EMPTY,
    image: 'outrider/python',
    machine: 'small',
    command: "python train.py --note 'a b'",
    params: [
      { name: 'lr', type: 'number' as const, text: '0.1' },
      { name: 'label', type: 'text' as const, text: '7' },
      { name: 'title', type: 'text' as const, text: 'plain words' },
    ],
    env: [{ name: 'MODE', text: "it's" }],
    secrets: 'API_TOKEN',
    ports: '8080, 9090',
    timeout: '2 h',
    priority: '-5',
    shm: '512',
  };
  expect(runLine(submissionOfDraft(draft), './project').split(' \\\n  ')).toEqual([
    'outrider run',
    '--image outrider/python',
    '--machine small',
    '--workspace ./project',
    '--param lr=0.1',
    `--param 'label="7"'`,
    `--param 'title=plain words'`,
    String.raw`--env 'MODE=it'\''s'`,
    '--secret API_TOKEN',
    '--port 8080',
    '--port 9090',
    '--timeout 7200',
    '--priority=-5',
    '--shm 512m',
    String.raw`--command 'python train.py --note '\''a b'\'''`,
  ]);
});
