import * as Arbiter from "@arbiter/react";

export const Lesson = (props: Arbiter.ArbiterProps) => (
  <Arbiter.ArbiterProvider {...props}>
    <Arbiter.Screens call={<Classroom />} />
  </Arbiter.ArbiterProvider>
);

function Classroom() {
  const { people, screens } = Arbiter.useParticipants();
  const watched = screens.at(-1) ?? people.find((one) => one.speaking) ?? people[0];
  return (
    <Arbiter.CallRegion className="lesson">
      <main>
        {watched && <Arbiter.Tile participant={watched} staged />}
        <Arbiter.Banners />
      </main>
      <aside>
        {people.map((one) => (
          <Arbiter.Tile key={one.key} participant={one} />
        ))}
        <Arbiter.Chat />
      </aside>
      <Arbiter.Controls>
        <Arbiter.MicrophoneButton />
        <Arbiter.LeaveButton />
      </Arbiter.Controls>
    </Arbiter.CallRegion>
  );
}
