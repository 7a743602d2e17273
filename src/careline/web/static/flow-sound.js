// Prompts spoken by the server, played one at a time.

/** `play(prompt, language)` plays to the end and tells whether it was heard; rejects with a sentence when it cannot be spoken. */
export function player() {
  const audio = new Audio();
  let turn = 0;

  async function play(prompt, language) {
    const mine = ++turn;
    const response = await fetch("/flows/speech", {
      method: "POST", credentials: "same-origin", body: JSON.stringify({ prompt, language }),
      headers: { "content-type": "application/json", accept: "audio/wav, application/json", "x-csrf-token": document.querySelector("meta[name=csrf-token]").content },
    });
    if (!response.ok) throw new Error((await response.json()).detail);
    const url = URL.createObjectURL(await response.blob());
    if (mine !== turn) return false;
    audio.src = url;
    const heard = await new Promise((resolve) => {
      audio.onended = () => resolve(true);
      audio.onerror = audio.onpause = () => resolve(audio.ended);
      audio.play().catch(() => resolve(false));
    });
    URL.revokeObjectURL(url);
    return heard;
  }

  function stop() {
    turn += 1;
    audio.pause();
  }

  return { play, stop };
}
