import type { ReactNode } from "react";

/** The icons, drawn on a grid of 24 with a line of 1.8. They say nothing to screen readers: the button has the words. */
function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      className="arbiter-icon"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

const slash = <path d="M4 4l16 16" />;
const microphone = (
  <>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
  </>
);
const camera = (
  <>
    <rect x="3" y="6.5" width="12" height="11" rx="2.6" />
    <path d="M15 11l4.6-2.9a.9.9 0 0 1 1.4.8v6.2a.9.9 0 0 1-1.4.8L15 13" />
  </>
);

export const MicrophoneIcon = () => <Icon>{microphone}</Icon>;
export const MicrophoneOffIcon = () => (
  <Icon>
    <path d="M15 10.5V6a3 3 0 0 0-5.7-1.3M9 9v2a3 3 0 0 0 4.6 2.5M5.5 11.5a6.5 6.5 0 0 0 10.4 5.2M18.1 13.7a6.5 6.5 0 0 0 .4-2.2M12 18v3" />
    {slash}
  </Icon>
);
export const CameraIcon = () => <Icon>{camera}</Icon>;
export const CameraOffIcon = () => (
  <Icon>
    <path d="M10.5 6.5h1.9A2.6 2.6 0 0 1 15 9.1V11l4.6-2.9a.9.9 0 0 1 1.4.8v6.2M15 15v0a2.6 2.6 0 0 1-2.6 2.5H5.6A2.6 2.6 0 0 1 3 14.9V9.1c0-1 .6-1.9 1.5-2.4" />
    {slash}
  </Icon>
);
export const ScreenIcon = () => (
  <Icon>
    <rect x="3" y="4.5" width="18" height="12.5" rx="2.4" />
    <path d="M12 13.5v-6M9.2 10.1L12 7.3l2.8 2.8M8.5 20.5h7" />
  </Icon>
);
export const ScreenOffIcon = () => (
  <Icon>
    <rect x="3" y="4.5" width="18" height="12.5" rx="2.4" />
    <path d="M9.6 8.3l4.8 4.8M14.4 8.3l-4.8 4.8M8.5 20.5h7" />
  </Icon>
);
export const ChatIcon = () => (
  <Icon>
    <path d="M6.5 4h11A3.5 3.5 0 0 1 21 7.5v6a3.5 3.5 0 0 1-3.5 3.5H11l-4.5 3.6V17A3.5 3.5 0 0 1 3 13.5v-6A3.5 3.5 0 0 1 6.5 4z" />
    <path d="M8 9h8M8 12.5h5" />
  </Icon>
);
export const LeaveIcon = () => (
  <Icon>
    <path d="M3.3 13.4c4.8-4.5 12.6-4.5 17.4 0 .7.7.8 1.7.2 2.5l-.9 1.2c-.4.6-1.2.8-1.9.5l-2.6-1.1a1.5 1.5 0 0 1-.9-1.5l.1-1.6a9.5 9.5 0 0 0-5.4 0l.1 1.6c0 .6-.3 1.2-.9 1.5l-2.6 1.1c-.7.3-1.5.1-1.9-.5l-.9-1.2c-.6-.8-.5-1.8.2-2.5z" />
  </Icon>
);
export const SettingsIcon = () => (
  <Icon>
    <path d="M4 7.5h9M17.5 7.5H20M4 16.5h2.5M11 16.5h9" />
    <circle cx="15.2" cy="7.5" r="2.2" />
    <circle cx="8.8" cy="16.5" r="2.2" />
  </Icon>
);
export const CloseIcon = () => (
  <Icon>
    <path d="M6 6l12 12M18 6L6 18" />
  </Icon>
);
export const SendIcon = () => (
  <Icon>
    <path d="M12 19V5.5M6 11l6-6 6 6" />
  </Icon>
);
export const LinkIcon = () => (
  <Icon>
    <path d="M10 14a4 4 0 0 0 6 .4l2.8-2.8a4 4 0 0 0-5.7-5.7L11.8 7.2M14 10a4 4 0 0 0-6-.4l-2.8 2.8a4 4 0 0 0 5.7 5.7l1.3-1.3" />
  </Icon>
);
export const CheckIcon = () => (
  <Icon>
    <path d="M5 12.8l4.4 4.4L19 7.5" />
  </Icon>
);
export const SoundIcon = () => (
  <Icon>
    <path d="M4 9.8v4.4a1 1 0 0 0 1 1h2.7l4.3 3.6V5.2L7.7 8.8H5a1 1 0 0 0-1 1zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11" />
  </Icon>
);
export const ExpandIcon = () => (
  <Icon>
    <path d="M9 4H6a2 2 0 0 0-2 2v3M15 4h3a2 2 0 0 1 2 2v3M9 20H6a2 2 0 0 1-2-2v-3M15 20h3a2 2 0 0 0 2-2v-3" />
  </Icon>
);
export const PeopleIcon = () => (
  <Icon>
    <circle cx="9" cy="8.2" r="3.4" />
    <path d="M2.8 19.2a6.2 6.2 0 0 1 12.4 0M15.6 5.2a3.4 3.4 0 0 1 0 6M17.6 14a6.2 6.2 0 0 1 3.6 5.2" />
  </Icon>
);
export const PublishIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="2.2" />
    <path d="M8 16a5.6 5.6 0 0 1 0-8M16 8a5.6 5.6 0 0 1 0 8M5.1 18.9a9.8 9.8 0 0 1 0-13.8M18.9 5.1a9.8 9.8 0 0 1 0 13.8" />
  </Icon>
);
