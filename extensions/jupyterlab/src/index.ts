/** Outrider in JupyterLab. This is loaded at Lab's start, so it holds nothing heavy. */

import { commandsPlugin } from './commands.js';
import { filesPlugin, resultPlugin } from './files.js';
import { jobsPlugin } from './jobs.js';
import { outputPlugin } from './output.js';
import { statusPlugin } from './status.js';
import { labPlugin } from './token.js';

export default [labPlugin, commandsPlugin, jobsPlugin, filesPlugin, resultPlugin, statusPlugin, outputPlugin];
