export { type Exported, ExportFailed, exportedText, exportRows } from './exporter.ts';
