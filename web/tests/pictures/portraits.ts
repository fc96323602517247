/** What the illustrated camera and the microphone do. */
export interface PortraitOptions {
  /** Of the picture, in pixels; its height follows, at 16 to 9. */
  width: number;
  /** Pictures a second. */
  rate: number;
  /** The microphone carries something like a voice. */
  speaks: boolean;
}

/**
 * Gives a page a camera that is fit to be seen: an illustrated person, another one for each name (`?name=`), in place of Chromium's test card.
 *
 * For pictures in the documentation; calls are real all the same. Runs inside the page before anything else
 * (`page.addInitScript(installPortraits, options)`), so it refers to nothing outside itself.
 */
export function installPortraits({ width, rate, speaks }: PortraitOptions): void {
  const SKINS = ["#f3cfb3", "#e6b48f", "#c98f64", "#a06a43", "#7a4a2e", "#f0c3a2", "#d9a273", "#8d5a3a"];
  const HAIR = ["#2b211d", "#4a3325", "#7b5233", "#b98d4f", "#1c1a1d", "#8a8583", "#6a3a28", "#332a3a"];
  const CLOTHES = ["#3f6b7d", "#b4584b", "#5d7a55", "#d5a44c", "#5c5a86", "#2f4858", "#a9708a", "#e2ddd2"];
  const WALLS = [
    ["#dfe6e4", "#b7c6c4"],
    ["#efe3d3", "#d3bda1"],
    ["#d9dfec", "#aab6cf"],
    ["#e7dcd8", "#c6aaa3"],
    ["#d5e0d2", "#a2b79f"],
    ["#3f4a55", "#262d36"],
    ["#e9e4dc", "#c5bcae"],
    ["#53494f", "#2f292f"],
  ];
  const STYLES = ["short", "long", "bob", "bun", "curly", "bald", "side", "scarf"] as const;
  type Style = (typeof STYLES)[number];

  interface Look {
    skin: string;
    hair: string;
    clothes: string;
    wall: string[];
    style: Style;
    glasses: boolean;
    beard: boolean;
    scene: number;
    phase: number;
  }

  /** The people of the documentation's pictures. Everybody else is made up from the letters of their name. */
  const CAST: Record<string, Partial<Look>> = {
    "Amara Okafor": {
      wall: WALLS[1] ?? [],
      style: "curly",
      skin: "#7a4a2e",
      hair: "#1c1a1d",
      clothes: "#d5a44c",
      scene: 1,
      glasses: false,
    },
    "Jonas Weber": {
      wall: WALLS[5] ?? [],
      style: "short",
      skin: "#f3cfb3",
      hair: "#7b5233",
      clothes: "#3f6b7d",
      scene: 2,
      beard: true,
      glasses: true,
    },
    "Mei Lin": {
      wall: WALLS[2] ?? [],
      style: "bob",
      skin: "#f0c3a2",
      hair: "#1c1a1d",
      clothes: "#b4584b",
      scene: 0,
      glasses: false,
    },
    "Sofia Rossi": {
      wall: WALLS[6] ?? [],
      style: "long",
      skin: "#e6b48f",
      hair: "#6a3a28",
      clothes: "#5d7a55",
      scene: 3,
      glasses: false,
    },
    "Tom Hughes": {
      wall: WALLS[4] ?? [],
      style: "side",
      skin: "#f3cfb3",
      hair: "#b98d4f",
      clothes: "#5c5a86",
      scene: 1,
      glasses: false,
    },
    "Leila Haddad": {
      wall: WALLS[3] ?? [],
      style: "scarf",
      skin: "#d9a273",
      clothes: "#a9708a",
      scene: 2,
      glasses: false,
    },
    "Lucas Silva": {
      wall: WALLS[0] ?? [],
      style: "short",
      skin: "#a06a43",
      hair: "#2b211d",
      clothes: "#e2ddd2",
      scene: 0,
      beard: false,
      glasses: false,
    },
    "Hanna Berg": {
      wall: WALLS[7] ?? [],
      style: "bun",
      skin: "#f0c3a2",
      hair: "#8a8583",
      clothes: "#2f4858",
      scene: 3,
      glasses: true,
    },
    "Kofi Mensah": {
      wall: WALLS[2] ?? [],
      style: "bald",
      skin: "#8d5a3a",
      hair: "#2b211d",
      clothes: "#b4584b",
      scene: 1,
      beard: true,
      glasses: false,
    },
  };

  function lookOf(name: string): Look {
    let hash = 2166136261;
    for (const letter of name) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619);
    let state = hash >>> 0;
    const next = (below: number) => {
      state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) >>> 0;
      return (state >>> 9) % below;
    };
    const style = STYLES[next(STYLES.length)] ?? "short";
    return {
      skin: SKINS[next(SKINS.length)] ?? "#e6b48f",
      hair: HAIR[next(HAIR.length)] ?? "#2b211d",
      clothes: CLOTHES[next(CLOTHES.length)] ?? "#3f6b7d",
      wall: WALLS[next(WALLS.length)] ?? [],
      style,
      glasses: next(3) === 0,
      beard: (style === "bald" || style === "short") && next(2) === 0,
      scene: next(4),
      phase: next(1000) / 100,
      ...CAST[name],
    };
  }

  /** A colour made darker (below 0) or lighter. */
  function tone(colour: string, by: number): string {
    const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    return `rgb(${parts.map((part) => Math.round(by < 0 ? part * (1 + by) : part + (255 - part) * by)).join(" ")})`;
  }

  function blob(c: CanvasRenderingContext2D, colour: string | CanvasGradient, draw: () => void): void {
    c.fillStyle = colour;
    c.beginPath();
    draw();
    c.fill();
  }

  function room(c: CanvasRenderingContext2D, look: Look): void {
    const [light = "#ddd", dark = "#aaa"] = look.wall;
    const wall = c.createLinearGradient(0, 0, 1280, 720);
    wall.addColorStop(0, light);
    wall.addColorStop(1, dark);
    c.fillStyle = wall;
    c.fillRect(0, 0, 1280, 720);
    c.filter = "blur(14px)";
    if (look.scene === 0) {
      // A window, and the light that it throws.
      blob(c, tone(light, 0.6), () => c.roundRect(120, 60, 270, 380, 10));
      blob(c, dark, () => c.rect(250, 60, 10, 380));
      blob(c, dark, () => c.rect(120, 240, 270, 10));
    } else if (look.scene === 1) {
      // A shelf with books.
      blob(c, tone(dark, -0.35), () => c.rect(820, 300, 400, 16));
      const books = ["#b4584b", "#3f6b7d", "#d5a44c", "#5d7a55", "#e2ddd2", "#5c5a86"];
      books.forEach((book, at) => {
        blob(c, book, () => c.rect(850 + at * 46, 180 + (at % 3) * 22, 36, 120 - (at % 3) * 22));
      });
      blob(c, tone(dark, -0.35), () => c.rect(820, 520, 400, 16));
    } else if (look.scene === 2) {
      // A plant.
      for (let leaf = 0; leaf < 7; leaf++) {
        c.save();
        c.translate(1060, 500);
        c.rotate(-1.2 + leaf * 0.4);
        blob(c, leaf % 2 ? "#55775a" : "#6d9170", () => c.ellipse(0, -130, 34, 140, 0, 0, 7));
        c.restore();
      }
      blob(c, "#b8795a", () => c.roundRect(990, 490, 140, 230, 20));
    } else {
      // A lamp, and a picture on the wall.
      const glow = c.createRadialGradient(210, 220, 10, 210, 220, 330);
      glow.addColorStop(0, "rgb(255 226 170 / 90%)");
      glow.addColorStop(1, "rgb(255 226 170 / 0%)");
      blob(c, glow, () => c.arc(210, 220, 330, 0, 7));
      blob(c, "#fff1cf", () => c.ellipse(210, 230, 70, 56, 0, 0, 7));
      blob(c, tone(dark, 0.35), () => c.rect(900, 110, 230, 180));
    }
    c.filter = "none";
  }

  /** What lies behind the head. */
  function hairBehind(c: CanvasRenderingContext2D, { style, hair, clothes }: Look): void {
    const shade = tone(hair, -0.2);
    if (style === "long") blob(c, shade, () => c.roundRect(-152, -150, 304, 420, [150, 150, 70, 70]));
    if (style === "bob") blob(c, shade, () => c.roundRect(-156, -150, 312, 300, [150, 150, 60, 60]));
    if (style === "bun") blob(c, shade, () => c.arc(0, -196, 62, 0, 7));
    if (style === "scarf")
      blob(c, tone(clothes, -0.1), () => c.roundRect(-160, -172, 320, 400, [160, 160, 110, 110]));
    if (style === "curly") {
      for (let at = 0; at < 13; at++) {
        const angle = Math.PI * (0.93 + (at / 12) * 1.14);
        blob(c, shade, () => c.arc(Math.cos(angle) * 128, -32 + Math.sin(angle) * 132, 54, 0, 7));
      }
    }
  }

  /** What lies over the forehead. */
  function hairBefore(c: CanvasRenderingContext2D, { style, hair, clothes }: Look): void {
    if (style === "bald") return;
    if (style === "scarf") {
      c.fillStyle = clothes;
      c.beginPath();
      c.moveTo(160, -8);
      c.ellipse(0, -8, 160, 176, 0, 0, 2 * Math.PI);
      c.moveTo(106, 22);
      c.ellipse(0, 22, 106, 130, 0, 0, 2 * Math.PI, true);
      c.fill("evenodd");
      return;
    }
    blob(c, hair, () => {
      if (style === "long" || style === "bob") {
        c.moveTo(-132, 40);
        c.bezierCurveTo(-168, -210, 168, -210, 132, 40);
        c.bezierCurveTo(118, -40, 84, -86, 14, -104);
        c.bezierCurveTo(-40, -84, -112, -56, -132, 40);
      } else if (style === "side") {
        c.moveTo(-126, -6);
        c.bezierCurveTo(-150, -190, 60, -206, 104, -150);
        c.bezierCurveTo(146, -120, 132, -40, 124, -4);
        c.bezierCurveTo(112, -50, 96, -76, 60, -84);
        c.bezierCurveTo(0, -74, -70, -70, -100, -92);
        c.bezierCurveTo(-112, -60, -118, -40, -126, -6);
      } else {
        c.moveTo(-124, -8);
        c.bezierCurveTo(-148, -186, 148, -186, 124, -8);
        c.bezierCurveTo(114, -62, 84, -92, 0, -94);
        c.bezierCurveTo(-84, -92, -114, -62, -124, -8);
      }
    });
  }

  function face(c: CanvasRenderingContext2D, look: Look, time: number): void {
    const { skin, hair } = look;
    const shade = tone(skin, -0.14);
    if (look.style !== "scarf") {
      blob(c, shade, () => c.ellipse(-120, 18, 20, 30, 0, 0, 7));
      blob(c, shade, () => c.ellipse(120, 18, 20, 30, 0, 0, 7));
    }
    blob(c, skin, () => {
      c.moveTo(-120, -30);
      c.bezierCurveTo(-122, -170, 122, -170, 120, -30);
      c.bezierCurveTo(122, 80, 70, 150, 0, 150);
      c.bezierCurveTo(-70, 150, -122, 80, -120, -30);
    });
    if (look.beard) {
      blob(c, tone(hair, 0.04), () => {
        c.moveTo(-119, 10);
        c.bezierCurveTo(-118, 110, -70, 162, 0, 162);
        c.bezierCurveTo(70, 162, 118, 110, 119, 10);
        c.bezierCurveTo(104, 56, 66, 56, 0, 52);
        c.bezierCurveTo(-66, 56, -104, 56, -119, 10);
      });
    }
    const blink = (time + look.phase) % 4.3 < 0.13 ? 0.12 : 1;
    for (const side of [-1, 1]) {
      blob(c, "#2a211e", () => c.ellipse(side * 46, 4, 10, 12 * blink, 0, 0, 7));
      blob(c, "rgb(235 120 100 / 16%)", () => c.ellipse(side * 76, 48, 26, 18, 0, 0, 7));
      c.strokeStyle = look.style === "bald" || look.style === "scarf" ? "#3a2c24" : tone(hair, -0.1);
      c.lineWidth = 8;
      c.lineCap = "round";
      c.beginPath();
      c.arc(side * 46, 4, 42, -Math.PI / 2 - 0.5, -Math.PI / 2 + 0.5);
      c.stroke();
    }
    c.strokeStyle = shade;
    c.lineWidth = 7;
    c.beginPath();
    c.moveTo(2, 14);
    c.quadraticCurveTo(16, 46, -4, 50);
    c.stroke();
    const open = Math.max(0, Math.sin(time * 1.1 + look.phase) * Math.sin(time * 7 + look.phase)) * 9;
    blob(c, look.beard ? "#f4e6df" : "#8c3f38", () => {
      c.moveTo(-38, 84);
      c.quadraticCurveTo(0, 104 + open * 0.4, 38, 84);
      c.quadraticCurveTo(0, 118 + open, -38, 84);
    });
    if (look.glasses) {
      c.strokeStyle = "#2c2a2e";
      c.lineWidth = 6;
      for (const side of [-1, 1]) {
        c.beginPath();
        c.roundRect(side * 48 - 36, -28, 72, 62, 24);
        c.stroke();
      }
      c.beginPath();
      c.moveTo(-12, -4);
      c.lineTo(12, -4);
      c.stroke();
    }
  }

  function person(c: CanvasRenderingContext2D, look: Look, time: number): void {
    const sway = Math.sin(time * 0.7 + look.phase);
    const breath = Math.sin(time * 1.5 + look.phase) * 3;
    const { clothes, skin } = look;
    c.save();
    c.translate(640 + sway * 8, 370 + breath);
    c.scale(1.1, 1.1);
    const head = () => c.rotate(sway * 0.025);
    c.save();
    head();
    hairBehind(c, look);
    c.restore();
    const cloth = c.createLinearGradient(-260, 180, 260, 420);
    cloth.addColorStop(0, tone(clothes, 0.08));
    cloth.addColorStop(1, tone(clothes, -0.22));
    blob(c, cloth, () => {
      c.moveTo(-290, 440);
      c.bezierCurveTo(-280, 240, -190, 216, -70, 190);
      c.lineTo(70, 190);
      c.bezierCurveTo(190, 216, 280, 240, 290, 440);
    });
    blob(c, tone(skin, -0.18), () => c.roundRect(-54, 90, 108, 140, [0, 0, 54, 54]));
    if (look.style === "scarf") {
      blob(c, tone(clothes, -0.06), () => c.roundRect(-104, 100, 208, 160, [0, 0, 90, 90]));
    }
    c.save();
    head();
    face(c, look, time);
    hairBefore(c, look);
    c.restore();
    c.restore();
  }

  /** The camera of somebody of this name. */
  function portrait(name: string): MediaStream {
    const look = lookOf(name);
    const behind = new OffscreenCanvas(1280, 720);
    room(behind.getContext("2d") as unknown as CanvasRenderingContext2D, look);
    const canvas = Object.assign(document.createElement("canvas"), { width, height: (width * 9) / 16 });
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    context.scale(width / 1280, width / 1280);
    const draw = () => {
      context.drawImage(behind, 0, 0);
      person(context, look, performance.now() / 1000);
    };
    draw();
    setInterval(draw, 1000 / rate);
    return canvas.captureStream(rate);
  }

  /** The microphone: silent, or something that swells and ebbs about as speech does. */
  function microphone(): MediaStream {
    const context = new AudioContext();
    const destination = context.createMediaStreamDestination();
    if (!speaks) return destination.stream;
    const voice = new OscillatorNode(context, { type: "sawtooth", frequency: 140 });
    const gain = new GainNode(context, { gain: 0.25 });
    const swell = new OscillatorNode(context, { frequency: 3 });
    swell.connect(new GainNode(context, { gain: 0.1 })).connect(gain.gain);
    voice.connect(gain).connect(destination);
    voice.start();
    swell.start();
    return destination.stream;
  }

  const name = new URLSearchParams(location.search).get("name") ?? "Guest";
  if (!navigator.mediaDevices) return;
  const names = {
    audioinput: "Built-in microphone",
    videoinput: "Built-in camera",
    audiooutput: "Built-in speakers",
  };
  navigator.mediaDevices.enumerateDevices = async () =>
    (["audioinput", "videoinput", "audiooutput"] as const).map((kind) => {
      const device = { deviceId: kind, groupId: "", kind, label: names[kind] };
      return { ...device, toJSON: () => device };
    });
  navigator.mediaDevices.getUserMedia = async (wanted) =>
    new MediaStream([
      ...(wanted?.video ? portrait(name).getTracks() : []),
      ...(wanted?.audio ? microphone().getTracks() : []),
    ]);
}
