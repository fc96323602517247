/** Shares a slide as this page's screen. Runs inside the page, so it refers to nothing outside itself. */
export async function shareSlide(): Promise<void> {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1600, height: 900 });
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const text = (font: string, colour: string, words: string, x: number, y: number) => {
    context.font = font;
    context.fillStyle = colour;
    context.fillText(words, x, y);
  };
  const draw = () => {
    context.fillStyle = "#fbfaf7";
    context.fillRect(0, 0, 1600, 900);
    context.fillStyle = "#0b7a62";
    context.fillRect(0, 0, 14, 900);
    text("600 58px Inter, sans-serif", "#1b1e1d", "Third quarter", 100, 140);
    text("28px Inter, sans-serif", "#5c625f", "Minutes in calls, by week", 100, 192);
    [30, 42, 40, 55, 61, 58, 72, 80, 77, 91, 104, 118].forEach((minutes, week, all) => {
      const last = week === all.length - 1;
      context.fillStyle = last ? "#0b7a62" : "#b9d8cf";
      context.beginPath();
      context.roundRect(100 + week * 118, 770 - minutes * 4.4, 84, minutes * 4.4, [10, 10, 0, 0]);
      context.fill();
      text("22px Inter, sans-serif", "#8a908d", String(week + 27), 128 + week * 118, 812);
    });
  };
  draw();
  setInterval(draw, 200);
  await window.arbiter.shareScreen(canvas.captureStream(5));
}
