"""An answer on its way to the person: as it comes, or whole, or as JSON; and who gave it."""

from __future__ import annotations

from typing import Any

from freellm_cli.cli.chat_options import ChatOptions
from freellm_cli.cli.face import DIM, Face
from freellm_cli.core.chat import Completion
from freellm_cli.core.fences import first_fenced_block
from freellm_cli.services.answer import Answer
from freellm_cli.services.conversation import Conversation


def print_stream(face: Face, answer: Answer) -> None:
    """The text as it comes, thoughts dimmed on stderr. Raises UpstreamError when it breaks off."""
    show_thoughts = face.verbose or face.is_terminal(face.err)
    thinking = False
    last = "\n"
    for delta in answer.deltas():
        if delta.reasoning and show_thoughts and not face.quiet:
            thinking = True
            face.err.write(face.styled(DIM, face.shown(delta.reasoning)))
            face.err.flush()
        if delta.text:
            if thinking:
                face.err.write("\n\n")
                thinking = False
            text = face.shown(delta.text, face.out)
            face.out.write(text)
            face.out.flush()
            last = text[-1:] or last
        for call in delta.tool_calls:
            if call.name:
                face.note(f"the model calls {call.name}")
    if last != "\n":
        face.out.write("\n")
    face.out.flush()


def print_whole(
    face: Face, options: ChatOptions, answer: Answer, conversation: Conversation
) -> None:
    """All at once: as JSON, the first fenced block alone, or the text."""
    completion = answer.completion()
    if face.json:
        face.print_json(as_json(answer, completion, conversation))
        return
    text = first_fenced_block(completion.text) if options.extract else completion.text
    text = face.shown(text, face.out)
    face.out.write(text if text.endswith("\n") else text + "\n")


def as_json(answer: Answer, completion: Completion, conversation: Conversation) -> dict[str, Any]:
    """The whole response and who answered. "conversation": its id when it is kept, else null."""
    usage = completion.usage
    who = answer.answerer
    return {
        "id": answer.request_id,
        "model": who.model_id,
        "credential": who.credential,
        "text": completion.text,
        "reasoning": completion.reasoning or None,
        "tool_calls": [call._asdict() for call in completion.tool_calls],
        "finish": completion.finish,
        "usage": {
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.completion,
            "reasoning_tokens": usage.reasoning,
            "cached_tokens": usage.cached,
            "total_tokens": usage.total,
            "estimated": usage.estimated,
        },
        "attempts": [
            {
                "target": item.target,
                "outcome": item.outcome,
                "message": item.message,
                "seconds": round(item.seconds, 3),
            }
            for item in answer.attempts
        ],
        "timing": {
            "waited_s": round(who.waited_s, 3),
            "first_token_s": round(who.first_token_s, 3),
        },
        "conversation": conversation.id if conversation.logged else None,
        "notices": list(answer.notices),
    }


def print_status(face: Face, options: ChatOptions, answer: Answer) -> None:
    """Who answered: always asked for with --usage, told with -v, quietly offered on a terminal."""
    offered = (face.verbose or face.is_terminal(face.err)) and not face.quiet
    if face.json or not (options.usage or offered):
        return
    face.out.flush()
    face.err.write(face.styled(DIM, face.shown(status_line(answer))) + "\n")


def status_line(answer: Answer) -> str:
    """Who answered, how soon, with how many tokens."""
    who, usage = answer.answerer, answer.usage
    parts = [who.model_id, who.credential, f"first token {who.first_token_s:.1f} s"]
    about = "about " if usage.estimated else ""
    parts.append(f"{about}{usage.prompt} + {usage.completion} tokens")
    if who.attempts > 1:
        parts.append(f"{who.attempts} attempts (see `freellm why`)")
    return " · ".join(parts)
