import { useArbiter } from "../context.ts";
import { Banners } from "./Banners.tsx";
import { CallRegion } from "./CallRegion.tsx";
import { Chat } from "./Chat.tsx";
import { Controls } from "./Controls.tsx";
import { Grid } from "./Grid.tsx";
import { Settings, Shortcuts } from "./SidePanels.tsx";
import { StatisticsPanel } from "./StatisticsPanel.tsx";

/** The call itself: people, bar, panels. */
export function Call() {
  const { panel, statistics, actions } = useArbiter();
  return (
    <CallRegion>
      <div className="arbiter-main">
        <div className="arbiter-scene">
          <Grid />
          <Banners />
          {statistics && <StatisticsPanel />}
        </div>
        {panel === "chat" && <Chat onClose={actions.closePanel} />}
        {panel === "settings" && <Settings />}
        {panel === "shortcuts" && <Shortcuts />}
      </div>
      <Controls />
    </CallRegion>
  );
}
