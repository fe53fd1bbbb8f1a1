/** The plugins of Outrider. Loaded when Lab starts, so heavy modules are imported dynamically. */

import { commandsPlugin } from './commands.js';
import { filesPlugin, resultPlugin } from './files.js';
import { jobsPlugin } from './jobs.js';
import { outputPlugin } from './output.js';
import { statusPlugin } from './status.js';
import { labPlugin } from './token.js';

export default [labPlugin, commandsPlugin, jobsPlugin, filesPlugin, resultPlugin, statusPlugin, outputPlugin];
