/** Outrider in JupyterLab. This is loaded at Lab's start, so it holds nothing heavy. */

import { commandsPlugin } from './commands.js';
import { jobsPlugin } from './jobs.js';
import { labPlugin } from './token.js';

export default [labPlugin, commandsPlugin, jobsPlugin];
