// The rich editor of policies: Milkdown's kit, bundled into internal/web/asset/static/milkdown.js by scripts/editor/build.
// It keeps no state of its own: Markdown goes in and comes out.
import { Editor, rootCtx, defaultValueCtx, remarkStringifyOptionsCtx, editorViewOptionsCtx, editorViewCtx } from '@milkdown/kit/core';
import { commonmark, toggleStrongCommand, toggleEmphasisCommand, wrapInHeadingCommand, wrapInBulletListCommand, wrapInOrderedListCommand, wrapInBlockquoteCommand, turnIntoTextCommand } from '@milkdown/kit/preset/commonmark';
import { gfm, insertTableCommand } from '@milkdown/kit/preset/gfm';
import { history, undoCommand, redoCommand } from '@milkdown/kit/plugin/history';
import { listener, listenerCtx } from '@milkdown/kit/plugin/listener';
import { clipboard } from '@milkdown/kit/plugin/clipboard';
import { callCommand, getMarkdown } from '@milkdown/kit/utils';

const commands = {
  bold: [toggleStrongCommand], italic: [toggleEmphasisCommand], heading: [wrapInHeadingCommand, 2], text: [turnIntoTextCommand], list: [wrapInBulletListCommand],
  numbers: [wrapInOrderedListCommand], quote: [wrapInBlockquoteCommand], table: [insertTableCommand], undo: [undoCommand], redo: [redoCommand],
};

// plain takes back what the writer of Markdown escapes needlessly: names in double braces and ids of clauses mean themselves.
export const plain = text => text.replace(/(?:\\?\{){2}[^{}\n]*(?:\\?\}){2}|\\?\{#[^{}\n]*\\?\}/g, m => m.replace(/\\([\\{}_#*.-])/g, '$1'));

// edit makes an editor in root and calls changed with the Markdown after every change.
export async function edit(root, text, label, changed) {
  const editor = await Editor.make()
    .config(ctx => {
      ctx.set(rootCtx, root);
      ctx.set(defaultValueCtx, text);
      ctx.update(remarkStringifyOptionsCtx, o => ({ ...o, bullet: '-', listItemIndent: 'one', tablePipeAlign: false }));
      ctx.update(editorViewOptionsCtx, o => ({ ...o, attributes: { class: 'doc-text', role: 'textbox', 'aria-multiline': 'true', 'aria-label': label, spellcheck: 'true' } }));
      ctx.get(listenerCtx).markdownUpdated((_, now, before) => { if (before !== null && now !== before) changed(plain(now)); });
    })
    .use(commonmark).use(gfm).use(history).use(listener).use(clipboard)
    .create();
  return {
    act: name => {
      const [command, with_] = commands[name] ?? [];
      if (command) editor.action(callCommand(command.key, with_));
      editor.action(ctx => ctx.get(editorViewCtx).focus());
    },
    text: () => plain(editor.action(getMarkdown())),
    close: () => editor.destroy(),
  };
}
